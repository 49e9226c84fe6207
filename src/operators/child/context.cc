// SPDX-License-Identifier: Apache-2.0
#include "operators/child/context.h"

#include <cstdlib>
#include <utility>

#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

Error environment_invalid(std::string message) {
  return fatal_error("environment_invalid", std::move(message));
}

}  // namespace

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<Surroundings> read_surroundings(const std::function<std::string(const char*)>& get) {
  Surroundings found;
  found.object_root = get("WEIR_OBJECT_ROOT");
  found.duckdb_library = get("WEIR_DUCKDB_LIBRARY");
  found.work_above = get("TMPDIR");
  const std::string roots = get("WEIR_INGEST_ROOTS");
  if (roots.empty()) return found;
  const auto document = parse_object(roots, "WEIR_INGEST_ROOTS");
  if (!document.ok()) return environment_invalid(document.error().message());
  for (const JsonValue root : document->root()) {
    if (!root.is_text()) return environment_invalid("an ingest root is no text");
    found.ingest_roots.emplace(root.key(), root.text());
  }
  return found;
}

Result<std::unique_ptr<duckdb::Engine>> open_engine(const Surroundings& surroundings,
                                                    const std::string& folder) {
  WEIR_TRY(const std::string path, duckdb::find_library(surroundings.duckdb_library));
  WEIR_TRY(auto library, duckdb::Library::load(path));
  return duckdb::Engine::open(std::move(library), {.memory_bytes = kEngineMemoryBytes,
                                                   .threads = kEngineThreads,
                                                   .spill_folder = folder + "/spill",
                                                   .folders = {folder}});
}

Result<std::unique_ptr<storage::FolderObjectStore>> open_store(const Surroundings& surroundings,
                                                               Random& random) {
  if (surroundings.object_root.empty()) {
    return environment_invalid("WEIR_OBJECT_ROOT does not say where objects are");
  }
  WEIR_TRY(const auto root, storage::StorageRoot::of_folder(surroundings.object_root));
  return storage::FolderObjectStore::open(root, random);
}

Result<storage::StagingPlace> staging_of(const TaskPayload& payload, const TaskOutput& output,
                                         const storage::ObjectStore& store) {
  const storage::StagingPlace place = {.dataset = output.dataset,
                                       .version = output.version,
                                       .task = payload.task_id,
                                       .attempt = payload.attempt};
  const std::string prefix = store.root().uri_of(storage::staging_prefix(place));
  if (output.staging_prefix && *output.staging_prefix != prefix) {
    return fatal_error("staging_mismatch", "the payload's staging prefix is not this attempt's");
  }
  return place;
}

}  // namespace weir::operators
