// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/deploy_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "dispatcher/user_api/limits.h"
#include "dispatcher/user_api/query_reader.h"
#include "dispatcher/wire/request_body.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;

constexpr std::int64_t kGenerationMax = (std::int64_t{1} << 53) - 1;
constexpr std::array<std::string_view, 2> kEffects = {"suppress", "fire"};

Effects effects_of(std::size_t index) { return index == 1 ? Effects::Fire : Effects::Suppress; }

/// The media type without its parameters, in lower case.
std::string media_type(const HttpRequest& request) {
  const std::string_view header = request.header("content-type").value_or("");
  return base::lower_ascii(base::trim(header.substr(0, header.find(';'))));
}

bool is_yaml(std::string_view type) {
  return type == "application/yaml" || type == "application/x-yaml" || type == "text/yaml" ||
         type == "text/x-yaml";
}

Error wrong_type(std::string_view legal) {
  return base::invalid_argument("invalid_request", "Content-Type is " + std::string(legal));
}

Result<void> check_size(std::string_view yaml) {
  if (yaml.size() <= kDagBodyBytes) return {};
  return Error(Code::ResourceExhausted, "too_large",
               "a DAG file has at most " + std::to_string(kDagBodyBytes) + " bytes");
}

PlanOptions plan_options(QueryReader& query) {
  PlanOptions options;
  options.keep = query.names("keep", kKeepJobsMax, kJobNameBytes);
  options.old_version =
      static_cast<OldVersion>(query.one_of("old_version", kOldVersions).value_or(0));
  options.effects = effects_of(query.one_of("effects", kEffects).value_or(0));
  return options;
}

/// Sources of `live` always run; the option says it of other worlds alone.
void check_run_sources(QueryReader& query, const DeployOptions& options) {
  if (options.plan.run_sources && options.world == kLiveWorld) {
    query.fail("run_sources", "is for other worlds than live");
  }
}

Result<void> read_json_body(const HttpRequest& request, DeployDraft& draft) {
  WEIR_TRY(const JsonDocument document, parse_body(request.body));
  MembersReader body(document.root(), "", {"yaml", "plan"});
  draft.yaml = body.text("yaml", kDeployBodyBytes);
  draft.plan_json = body.optional_object("plan", kDeployBodyBytes).value_or("");
  return body.finish();
}

std::size_t index_of(MembersReader& body, std::string_view name,
                     std::span<const std::string_view> words) {
  const std::optional<std::string> word = body.optional_text(name, kJobNameBytes);
  if (!word) return 0;
  const auto found = std::ranges::find(words, *word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::vector<std::string> legal(words.begin(), words.end());
  body.fail(name, "is none of " + base::join(legal, ", "));
  return 0;
}

std::vector<std::string> keep_of(MembersReader& body) {
  std::vector<std::string> keep;
  for (const JsonValue job : body.array("keep", kKeepJobsMax)) {
    if (!job.is_text() || job.text().empty() || job.text().size() > kJobNameBytes) {
      body.fail("keep", "is a list of job names");
      return {};
    }
    keep.emplace_back(job.text());
  }
  std::ranges::sort(keep);
  if (std::ranges::adjacent_find(keep) != keep.end()) body.fail("keep", "names something twice");
  return keep;
}

}  // namespace

Result<ValidateRequest> read_validate(const HttpRequest& request) {
  QueryReader query(request, {"world", "dag", "keep", "old_version", "effects"});
  ValidateRequest asked;
  asked.dag = query.text("dag", kDagNameBytes).value_or("");
  asked.world = query.world();
  asked.options = plan_options(query);
  asked.yaml = request.body;
  WEIR_CHECK(query.finish());
  if (!is_yaml(media_type(request))) return wrong_type("application/yaml");
  WEIR_CHECK(check_size(asked.yaml));
  return asked;
}

Result<DeployDraft> read_deploy_request(const HttpRequest& request) {
  QueryReader query(request, {"world", "activate", "old_version", "keep", "effects", "run_sources",
                              "expect_generation"});
  DeployDraft draft;
  draft.options.world = query.world();
  draft.options.activate = static_cast<Activate>(query.one_of("activate", kActivates).value_or(0));
  draft.options.plan = plan_options(query);
  draft.options.plan.run_sources = query.flag("run_sources").value_or(false);
  draft.options.expect_generation = query.integer("expect_generation", 0, kGenerationMax);
  check_run_sources(query, draft.options);
  WEIR_CHECK(query.finish());
  const std::string type = media_type(request);
  if (type == "application/json") {
    WEIR_CHECK(read_json_body(request, draft));
  } else if (is_yaml(type)) {
    draft.yaml = request.body;
  } else {
    return wrong_type("application/yaml or application/json");
  }
  WEIR_CHECK(check_size(draft.yaml));
  return draft;
}

Result<ActivateDraft> read_activate(const HttpRequest& request) {
  QueryReader query(request, {"world"});
  ActivateDraft draft;
  draft.options.world = query.world();
  WEIR_CHECK(query.finish());
  WEIR_TRY(const JsonDocument document, parse_body(request.body));
  MembersReader body(document.root(), "",
                     {"dag_version_id", "expect_generation", "activate", "old_version", "keep",
                      "effects", "run_sources"});
  draft.version = body.id<DagVersionId>("dag_version_id");
  draft.options.expect_generation = body.optional_integer("expect_generation", 0, kGenerationMax);
  draft.options.activate = static_cast<Activate>(index_of(body, "activate", kActivates));
  if (draft.options.activate == Activate::None) body.fail("activate", "is auto or manual here");
  PlanOptions& plan = draft.options.plan;
  plan.old_version = static_cast<OldVersion>(index_of(body, "old_version", kOldVersions));
  plan.effects = effects_of(index_of(body, "effects", kEffects));
  plan.keep = keep_of(body);
  plan.run_sources = body.optional_flag("run_sources").value_or(false);
  if (plan.run_sources && draft.options.world == kLiveWorld) {
    body.fail("run_sources", "is for other worlds than live");
  }
  WEIR_CHECK(body.finish());
  return draft;
}

}  // namespace weir::dispatcher
