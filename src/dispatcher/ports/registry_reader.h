// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/ports/dag_rows.h"

/// What people read of the task plane (contract sections 3.5 and 3.5.1): lists by key, a page at a
/// time, and single pictures. Answers are the JSON of the contract, made where the rows are, in one
/// statement and one snapshot each.
namespace weir::dispatcher {

/// Whose registry, and which world's: every answer is of this organisation alone.
struct RegistryScope {
  OrgId org;
  std::string world = "live";
};

/// Where a page begins: the key of the last item before it. What it means is the listing's.
struct PageKey {
  std::int64_t number = 0;
  std::string text = {};

  friend bool operator==(const PageKey&, const PageKey&) = default;
};
struct RegistryPageRequest {
  std::size_t limit = 100;
  std::optional<PageKey> after = {};
};
struct RegistryPage {
  std::vector<std::string> items = {};  ///< a JSON object each
  std::optional<PageKey> next = {};     ///< nothing: the last page
};

/// By name; text.
struct DagList {};
/// Newest first; number: version_no.
struct DagVersionList {
  std::string dag;
};
/// Newest first; number: microseconds of its creation, text: its id.
struct DeployList {
  std::string dag;
};
/// Terminal states and the archived by the end of their work, the last first (number: its
/// microseconds, text: the id); others by id, the last first (text).
struct TaskList {
  std::optional<std::string> dag = {};
  std::optional<std::string> job = {};
  std::optional<TaskState> state = {};
  std::optional<TaskClass> task_class = {};
  std::optional<TaskKind> kind = {};
  std::optional<EventId> root = {};  ///< of one causal chain
  bool archived = false;

  bool by_end() const { return archived || (state && is_terminal(*state)); }
};
/// Published names of current versions; by name, text.
struct DatasetList {};
/// Newest first; number: microseconds of its creation, text: its id.
struct DatasetVersionList {
  std::string dataset_id;
};
/// Current partitions by key; text. Without a version, of the current one.
struct PartitionList {
  std::string dataset_id;
  std::optional<DatasetVersionId> version = {};
  std::string prefix = {};
};
/// Newest first; number: microseconds, text: audit_id.
struct AuditList {};

using Listing = std::variant<DagList, DagVersionList, DeployList, TaskList, DatasetList,
                             DatasetVersionList, PartitionList, AuditList>;

struct DagPicture {
  std::string dag;
};
struct DagVersionPicture {
  std::string dag;
  DagVersionId version;
};
struct DeployPicture {
  std::string dag;
  DeployId deploy;
};
enum class PointerSetName : std::uint8_t { Current, Previous, Candidate };
struct GraphPicture {
  std::string dag;
  std::variant<PointerSetName, PointerSetId> pointer_set = PointerSetName::Current;
};
/// Whatever its world; live or in history.
struct TaskPicture {
  TaskId task;
};
struct DatasetPicture {
  std::string dataset_id;
};

using Picture = std::variant<DagPicture, DagVersionPicture, DeployPicture, GraphPicture,
                             TaskPicture, DatasetPicture>;

/// The build that a source job of the current version stands on.
struct SourceBuild {
  BuildId build_id;
  std::string kind;  ///< cron, webhook, manual, always_on; empty: the job is no source
};

/// Port: reads of the registry. Any thread. Faults: NOT_FOUND `not_found` or `task_not_found` for
/// what the scope does not have, another organisation's rows included; UNAVAILABLE.
class RegistryReader {
 public:
  virtual ~RegistryReader() = default;

  virtual Result<RegistryPage> list(const RegistryScope& scope, const Listing& listing,
                                    const RegistryPageRequest& request) = 0;
  /// One JSON object.
  virtual Result<std::string> show(const RegistryScope& scope, const Picture& picture) = 0;
  virtual Result<SourceBuild> find_source(const RegistryScope& scope, const std::string& dag,
                                          const std::string& job) = 0;
};

}  // namespace weir::dispatcher
