// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "operators/tables/work_folder.h"
#include "operators/task_api.h"
#include "operators/task_payload.h"
#include "storage/folder_object_store.h"

/// What a process of an operator has beside its payload.
namespace weir::operators {

/// Where things are on this machine, as the wrapper tells by the environment.
struct Surroundings {
  std::map<std::string, std::string> ingest_roots = {};  ///< name → folder
  std::string object_root = {};                          ///< folder of the object store
  std::string duckdb_library = {};                       ///< empty: looked for
  std::string work_above = {};                           ///< folder for temporary files
};

/// A variable of this process's environment; empty if it is not set.
std::string environment_variable(const char* name);

/// Reads `WEIR_INGEST_ROOTS`, `WEIR_OBJECT_ROOT`, `WEIR_DUCKDB_LIBRARY` and `TMPDIR`; `get` gives a
/// variable's value, empty if it is not set. Fatal `environment_invalid`.
Result<Surroundings> read_surroundings(const std::function<std::string(const char*)>& get);

/// All that an operator runs with. The references outlive the run.
struct OperatorContext {
  const TaskPayload& payload;
  TaskApi& api;
  Clock& clock;
  Random& random;
  Surroundings surroundings = {};
  std::function<bool()> stopping = [] { return false; };  ///< the process shall end soon
};

/// An engine that may touch one folder alone, which must outlive it.
Result<std::unique_ptr<duckdb::Engine>> open_engine(const Surroundings& surroundings,
                                                    const std::string& folder);

/// The folder of objects; fatal `environment_invalid` if there is none.
Result<std::unique_ptr<storage::FolderObjectStore>> open_store(const Surroundings& surroundings,
                                                               Random& random);

/// The place of the attempt's files of an output; fatal `staging_mismatch` if the payload names
/// another one.
Result<storage::StagingPlace> staging_of(const TaskPayload& payload, const TaskOutput& output,
                                         const storage::ObjectStore& store);

/// The operators that run in a process of their own. Each gives its result, a JSON object of at
/// most 16 KiB, or a failure as failure.h says.
Result<JsonText> run_table_ingest(const OperatorContext& context);
Result<JsonText> run_parquet_compact(const OperatorContext& context);
Result<JsonText> run_sequence_source(const OperatorContext& context);

}  // namespace weir::operators
