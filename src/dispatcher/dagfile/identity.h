// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/dagfile/dag_file.h"
#include "dispatcher/dagfile/known_names.h"

/// The names of documents and jobs (contract section 2.8): same name, reuse; new name, build.
namespace weir::dispatcher {

/// Over the normalised document.
YamlHash yaml_hash(std::string_view normalised);

/// Over the versions of the operators that the file names.
RegistryHash registry_hash(const std::vector<DagJob>& jobs);

/// The bytes of which `core_id` is the hash: canonical JSON of what decides a job's output besides
/// its inputs and its execution strategy. `bundle` is that of the job's udf, null without one.
std::string core_json(const DagJob& job, const KnownBundle* bundle);
CoreId core_id(const DagJob& job, const KnownBundle* bundle);

/// The name of a job under its core id. `upstream` has the effective node ids of the file's jobs,
/// by their index; those that the job reads must be there.
std::string node_json(const DagJob& job, const CoreId& core,
                      const std::vector<JobNodeId>& upstream);
JobNodeId node_id(const DagJob& job, const CoreId& core, const std::vector<JobNodeId>& upstream);

/// Both names of a job.
struct JobIdentity {
  CoreId core;
  JobNodeId node;
};

/// The names of all jobs, in the file's order. A job's bundle that `bundles` does not have, or has
/// without its digest, is NOT_FOUND `bundle_unknown`.
Result<std::vector<JobIdentity>> identify_jobs(
    const DagFile& file, const std::map<std::string, KnownBundle, std::less<>>& bundles);

}  // namespace weir::dispatcher
