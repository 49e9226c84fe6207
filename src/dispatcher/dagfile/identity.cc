// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/identity.h"

#include <string_view>

#include "base/assert.h"
#include "base/blake3.h"
#include "dispatcher/dagfile/normalise.h"

namespace weir::dispatcher {
namespace {

std::string named_hash(std::string_view domain, std::string_view json) {
  base::Digest digest{};
  base::Blake3().update(domain).update(json).finish(digest);
  return "blake3:" + base::to_hex(digest);
}

void add_optional_text(JsonText& out, std::string_view key, std::string_view text) {
  out.key(key);
  text.empty() ? out.null() : out.text(text);
}

void add_output(JsonText& out, const DagOutput& output, std::size_t number) {
  out.open('{').key("columns");
  if (output.schema) {
    out.open('{');
    for (const Column& column : output.schema->columns) {
      out.key(column.name).open('{');
      out.key("nullable").boolean(column.nullable);
      out.key("type").text(column.type).close('}');
    }
    out.close('}');
  } else {
    out.null();
  }
  out.key("output").integer(static_cast<std::int64_t>(number));
  out.key("storage").text(word_of(kStorages, output.place.storage));
  out.key("unique");
  output.schema ? out.texts(output.schema->unique) : out.null();
  add_optional_text(out, "write_mode",
                    output.place.write_mode ? word_of(kWriteModes, *output.place.write_mode) : "");
  out.close('}');
}

void add_udf(JsonText& out, const DagJob& job, const KnownBundle* bundle) {
  out.key("udf");
  if (!job.udf) {
    out.null();
    return;
  }
  WEIR_ASSERT(bundle != nullptr);
  const bool rust = bundle->language == BundleLanguage::Rust;
  out.open('{');
  add_optional_text(out, "entrypoint", rust ? "" : job.udf->entrypoint);
  out.key("sha256").text(bundle->sha256).close('}');
}

}  // namespace

YamlHash yaml_hash(std::string_view normalised) {
  return YamlHash(named_hash("weir.dag.v1\n", normalised));
}

RegistryHash registry_hash(const std::vector<DagJob>& jobs) {
  std::map<std::string_view, std::string_view> versions;
  for (const DagJob& job : jobs) versions.emplace(job.operation->name, job.operation->version);
  JsonText out;
  out.open('{');
  for (const auto& [name, version] : versions) out.key(name).text(version);
  return RegistryHash(named_hash("weir.dag.registry.v1\n", out.close('}').canonical()));
}

std::string core_json(const DagJob& job, const KnownBundle* bundle) {
  const OperatorSpec& operation = *job.operation;
  JsonText out;
  out.open('{').key("config").raw(operation.inherits_identity ? "{}" : job.identity_json);
  out.key("operator").text(operation.name).key("operator_version").text(operation.version);
  out.key("outputs").integer(static_cast<std::int64_t>(job.outputs.size()));
  out.key("publish").open('[');
  for (std::size_t i = 0; i < job.outputs.size(); ++i) add_output(out, job.outputs[i], i);
  out.close(']');
  add_optional_text(out, "runtime",
                    operation.inherits_identity ? "" : word_of(kRuntimes, job.runtime));
  add_optional_text(out, "source_kind", job.source ? word_of(kSourceKinds, job.source->kind) : "");
  add_udf(out, job, bundle);
  out.key("unique_key");
  job.unique_key.empty() ? out.null() : out.texts(job.unique_key);
  add_optional_text(out, "update_strategy",
                    job.update ? word_of(kUpdateStrategies, *job.update) : "");
  return out.close('}').canonical();
}

CoreId core_id(const DagJob& job, const KnownBundle* bundle) {
  return CoreId(named_hash("weir.job.core.v1\n", core_json(job, bundle)));
}

std::string node_json(const DagJob& job, const CoreId& core,
                      const std::vector<JobNodeId>& upstream) {
  JsonText out;
  out.open('{').key("core").text(core.view());
  add_optional_text(out, "execution_strategy",
                    job.execution ? word_of(kExecutionStrategies, *job.execution) : "");
  out.key("inputs").open('[');
  for (const DagInput& input : job.inputs) {
    out.open('{');
    if (input.job) {
      out.key("node").text(upstream.at(*input.job).view()).key("output").integer(input.output);
    } else {
      out.key("dataset").text(input.dataset.view());
    }
    out.key("where").raw(input.where_json.empty() ? "null" : input.where_json).close('}');
  }
  return out.close(']').close('}').canonical();
}

JobNodeId node_id(const DagJob& job, const CoreId& core, const std::vector<JobNodeId>& upstream) {
  return JobNodeId(named_hash("weir.job.node.v1\n", node_json(job, core, upstream)));
}

Result<std::vector<JobIdentity>> identify_jobs(
    const DagFile& file, const std::map<std::string, KnownBundle, std::less<>>& bundles) {
  std::vector<JobIdentity> identities(file.jobs.size());
  std::vector<JobNodeId> nodes(file.jobs.size());
  for (const std::size_t index : file.order) {
    const DagJob& job = file.jobs[index];
    const KnownBundle* bundle = nullptr;
    if (job.udf) {
      const auto found = bundles.find(job.udf->bundle.view());
      if (found == bundles.end() || found->second.sha256.empty()) {
        return base::not_found("bundle_unknown",
                               "the digest of bundle " + job.udf->bundle.text() + " is not known");
      }
      bundle = &found->second;
    }
    identities[index].core = core_id(job, bundle);
    nodes[index] = node_id(job, identities[index].core, nodes);
    identities[index].node = nodes[index];
  }
  return identities;
}

}  // namespace weir::dispatcher
