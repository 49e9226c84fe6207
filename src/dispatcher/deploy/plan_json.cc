// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/blake3.h"
#include "base/canonical_json.h"
#include "dispatcher/dagfile/fields.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/deploy/plan.h"

namespace weir::dispatcher {
namespace {

constexpr std::int64_t kPlanVersion = 1;

void add_base(JsonText& out, const std::optional<PlanBase>& base) {
  if (!base) {
    out.null();
    return;
  }
  out.open('{').key("generation").integer(base->generation).key("pointer_set_id");
  base->pointer_set ? out.text(base->pointer_set->text()) : out.null();
  out.close('}');
}

void add_options(JsonText& out, const PlanOptions& options) {
  out.open('{').key("effects").text(word(options.effects)).key("keep").texts(options.keep);
  out.key("old_version").text(word_of(kOldVersions, options.old_version));
  out.key("run_sources").boolean(options.run_sources).close('}');
}

void add_job(JsonText& out, const PlannedJob& job) {
  out.open('{').key("action").text(word_of(kPlanActions, job.action));
  if (job.build_id) out.key("build_id").text(job.build_id->text());
  out.key("job").text(job.job).key("node_id").text(job.node_id);
  out.key("reason").text(job.reason).close('}');
}

/// The members of a plan but its hash, into an open object.
void add_members(JsonText& out, const Plan& plan) {
  add_base(out.key("base"), plan.base);
  out.key("bundles").open('{');
  for (const auto& [id, sha256] : plan.bundles) out.key(id).text(sha256);
  out.close('}').key("dag").text(plan.dag).key("jobs").open('[');
  for (const PlannedJob& job : plan.jobs) add_job(out, job);
  add_options(out.close(']').key("options"), plan.options);
  out.key("plan_version").integer(kPlanVersion).key("registry_hash").text(plan.registry_hash);
  out.key("world").text(plan.world).key("yaml_hash").text(plan.yaml_hash);
}

std::string hash_of(std::string_view canonical) {
  base::Digest digest{};
  base::Blake3().update("weir.plan.v1\n").update(canonical).finish(digest);
  return "blake3:" + base::to_hex(digest);
}

Error invalid(std::string_view why) {
  return base::invalid_argument("plan_invalid", "this is no saved plan: " + std::string(why));
}

/// Reads what plan_json writes. What is missing or of another type becomes a fault.
class PlanReader {
 public:
  explicit PlanReader(JsonValue root) : root_(root) {}

  Result<Plan> read() {
    Plan plan;
    if (!root_.is_object() || integer(root_.find("plan_version")) != kPlanVersion) {
      return invalid("its `plan_version` is not 1");
    }
    plan.dag = text("dag");
    plan.world = text("world");
    plan.yaml_hash = text("yaml_hash");
    plan.registry_hash = text("registry_hash");
    read_base(plan);
    read_options(plan.options);
    for (const JsonValue bundle : object(root_.find("bundles"))) {
      plan.bundles.emplace(bundle.key(), bundle.text());
    }
    const JsonValue jobs = root_.find("jobs");
    good_ = good_ && jobs.is_array() && jobs.size() <= 2 * kJobsMax;
    for (const JsonValue job : jobs) {
      if (good_) plan.jobs.push_back(read_job(job));
    }
    if (!good_) return invalid("a member is missing, or not what it should be");
    if (plan_hash(plan) != root_.find("plan_hash").text()) {
      return invalid("its `plan_hash` does not fit the rest of it");
    }
    return plan;
  }

 private:
  std::optional<std::int64_t> integer(JsonValue value) {
    std::optional<std::int64_t> number;
    if (!value.missing() && value.kind() == JsonKind::Integer) number = parse_integer(value.text());
    good_ = good_ && number;
    return number;
  }

  std::string text_of(JsonValue value) {
    good_ = good_ && value.is_text();
    return std::string(value.text());
  }
  std::string text(std::string_view key) { return text_of(root_.find(key)); }

  JsonValue object(JsonValue value) {
    good_ = good_ && value.is_object();
    return value;
  }

  template <class Id>
  std::optional<Id> id(JsonValue value) {
    const auto uuid = Uuid::parse(value.text());
    good_ = good_ && value.is_text() && uuid;
    if (!uuid) return {};
    return Id(*uuid);
  }

  template <class Enum>
  Enum enumerator(JsonValue value, std::span<const std::string_view> words) {
    const auto found = enum_of<Enum>(words, value.text());
    good_ = good_ && value.is_text() && found;
    return found.value_or(Enum{});
  }

  void read_base(Plan& plan) {
    const JsonValue base = root_.find("base");
    good_ = good_ && !base.missing();
    if (base.is_null()) return;
    plan.base.emplace();
    plan.base->generation = integer(object(base).find("generation")).value_or(0);
    const JsonValue set = base.find("pointer_set_id");
    if (!set.is_null()) plan.base->pointer_set = id<PointerSetId>(set);
  }

  void read_options(PlanOptions& options) {
    const JsonValue from = object(root_.find("options"));
    for (const JsonValue name : from.find("keep")) options.keep.push_back(text_of(name));
    options.old_version = enumerator<OldVersion>(from.find("old_version"), kOldVersions);
    const auto effects = parse_effects(text_of(from.find("effects")));
    options.effects = effects.value_or(Effects::Suppress);
    const JsonValue run = from.find("run_sources");
    good_ = good_ && effects && run.is_bool() && from.find("keep").is_array();
    options.run_sources = run.is_bool() && run.kind() == JsonKind::True;
  }

  PlannedJob read_job(JsonValue from) {
    PlannedJob job;
    job.job = text_of(object(from).find("job"));
    job.action = enumerator<PlanAction>(from.find("action"), kPlanActions);
    job.reason = text_of(from.find("reason"));
    job.node_id = text_of(from.find("node_id"));
    if (const JsonValue build = from.find("build_id"); !build.missing()) {
      job.build_id = id<BuildId>(build);
    }
    return job;
  }

  JsonValue root_;
  bool good_ = true;
};

std::string json_of(const PlannedJob* job) {
  if (job == nullptr) return "null";
  JsonText out;
  add_job(out, *job);
  return out.written();
}

std::string json_of(std::string_view text) {
  std::string out;
  base::append_json_text(out, text);
  return out;
}

std::string json_of(const std::optional<PlanBase>& base) {
  JsonText out;
  add_base(out, base);
  return out.written();
}

std::optional<PlanDifference> bundle_difference(const Plan& saved, const Plan& now) {
  std::map<std::string, std::pair<std::string, std::string>> both;
  for (const auto& [id, sha256] : saved.bundles) both[id].first = json_of(sha256);
  for (const auto& [id, sha256] : now.bundles) both[id].second = json_of(sha256);
  for (const auto& [id, pair] : both) {
    if (pair.first == pair.second) continue;
    return PlanDifference{.path = "bundles." + id,
                          .planned_json = pair.first.empty() ? "null" : pair.first,
                          .now_json = pair.second.empty() ? "null" : pair.second};
  }
  return {};
}

}  // namespace

std::string plan_hash(const Plan& plan) {
  JsonText out;
  out.open('{');
  add_members(out, plan);
  return hash_of(out.close('}').canonical());
}

std::string plan_json(const Plan& plan) {
  JsonText out;
  out.open('{');
  add_members(out, plan);
  out.key("plan_hash").text(plan_hash(plan));
  return out.close('}').canonical();
}

std::string deploy_plan_json(const Plan& plan, const std::map<std::string, BuildId>& built) {
  JsonText out;
  out.open('[');
  for (PlannedJob job : plan.jobs) {
    const auto made = built.find(job.job);
    if (made != built.end()) job.build_id = made->second;
    add_job(out, job);
  }
  return out.close(']').written();
}

Result<Plan> read_plan(std::string_view json) {
  const Result<JsonDocument> document =
      JsonDocument::parse(json, {.depth_max = kDagDepthMax, .bytes_max = 2 * kDagBytesMax});
  if (!document.ok()) return invalid("it is not JSON, or too large");
  return PlanReader(document->root()).read();
}

std::optional<PlanDifference> difference_of(const Plan& saved, const Plan& now) {
  if (saved.base != now.base) {
    return PlanDifference{
        .path = "base", .planned_json = json_of(saved.base), .now_json = json_of(now.base)};
  }
  if (saved.registry_hash != now.registry_hash) {
    return PlanDifference{.path = "registry_hash",
                          .planned_json = json_of(saved.registry_hash),
                          .now_json = json_of(now.registry_hash)};
  }
  if (auto bundle = bundle_difference(saved, now)) return bundle;
  std::map<std::string_view, std::pair<const PlannedJob*, const PlannedJob*>> both;
  for (const PlannedJob& job : saved.jobs) both[job.job].first = &job;
  for (const PlannedJob& job : now.jobs) both[job.job].second = &job;
  for (const auto& [name, pair] : both) {
    const auto& [planned, found] = pair;
    if (planned != nullptr && found != nullptr && *planned == *found) continue;
    return PlanDifference{.path = "jobs." + std::string(name),
                          .planned_json = json_of(planned),
                          .now_json = json_of(found)};
  }
  return {};
}

}  // namespace weir::dispatcher
