// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/ports/task_context.h"

/// What deploys leave behind, as plain data: definitions, builds, dataset versions and what
/// subscribes to them. The memory store is filled from it; a test's database gets it as rows. Every
/// list is in the order in which its rows can be inserted.
namespace weir::dispatcher {

struct OrgSeed {
  OrgId org_id;
  std::string slug;
};

/// Kinds of sources (contract section 5.2): column `kind` of `source_state`.
enum class SeedSource : std::uint8_t { Cron, Manual, AlwaysOn };

/// An edge: an output of a job of the same version, or a published name of any.
struct InputSeed {
  std::string from_job;  ///< empty: `from_dataset_id` is given
  int from_output = 0;
  std::string from_dataset_id = {};
  std::string where_json = {};  ///< canonical; empty for none
};

/// A row of `jobs`. Without `source` it is reactive.
struct JobSeed {
  std::string name;
  QueueRuntime runtime = QueueRuntime::EcsPlatform;
  /// As declared. Where the operator registry says that the dispatcher runs the operator, its tasks
  /// queue at `tasks.dispatcher.*`: `runtime` is where they queue.
  std::string declared_runtime = "ecs_platform";
  QueueLevel priority = QueueLevel::Normal;  ///< column `priority`: low, normal or high
  std::string operator_name = "noop";
  std::string operator_version = "1";
  std::string execution_strategy = "PerUpdate";  ///< or PerPartition; of reactive jobs
  std::string update_strategy = "replace";       ///< or append; of reactive jobs
  std::vector<std::string> unique_key = {};
  int outputs = 1;
  std::optional<SeedSource> source = {};
  std::string schedule = {};  ///< of a cron source
  std::string config_json = "{}";
  std::vector<std::string> secrets = {};
  Duration heartbeat_timeout = std::chrono::seconds(60);
  std::optional<Duration> timeout = std::chrono::seconds(1800);
  int max_attempts = 3;
  std::optional<std::int64_t> max_concurrency = {};
  /// Flags of the operator: its registry says the same of `operator_name`.
  bool ordered = false;
  bool inlined = false;
  std::vector<InputSeed> inputs = {};
};

/// A row of `dag_versions` with its jobs. It is the current version of its DAG in world `live`.
struct DagVersionSeed {
  DagVersionId dag_version_id;
  OrgId org_id;
  std::string dag_name;
  std::vector<JobSeed> jobs;
};

/// A row of `builds`, used by one version's current pointer set.
struct BuildSeed {
  BuildId build_id;
  DagVersionId dag_version_id;
  std::string job;
  Dispatch dispatch = Dispatch::Open;
  std::string world = "live";
  /// Of an open build: when it opened first, what a `rate` counts from.
  Instant opened_at{};
};

/// A row of `datasets`: one output of a job of a DAG.
struct DatasetSeed {
  DatasetUuid dataset;
  OrgId org_id;
  std::string dag_name;
  std::string job;
  int output = 0;
  std::string dataset_id = {};  ///< published name; empty if it has none
};

/// A row of `dataset_versions`, owned by the build of its dataset's job.
struct DatasetVersionSeed {
  DatasetVersionId version;
  DatasetUuid dataset;
  BuildId build_id;
  DatasetKind kind = DatasetKind::Events;
  bool buffered = false;         ///< of a table: written by the sink; else `direct`
  std::string schema_json = {};  ///< empty for none
};

/// A row of `subscriptions`.
struct SubscriptionSeed {
  BuildId build_id;
  int input_index = 0;
  DatasetVersionId version;
  std::int64_t backfill_to_seq = 0;
};

/// A row of `pauses`.
struct PauseSeed {
  BuildId build_id;
  std::string cause = "user";  ///< pressure, user or deploy
  std::string cause_key = "user";
};

/// A row of `source_state`.
struct SourceSeed {
  BuildId build_id;
  SeedSource kind = SeedSource::Manual;
  bool enabled = true;
  std::optional<Instant> next_fire_at = {};
  int run_epoch = 1;
};

struct TaskSeed {
  std::vector<OrgSeed> orgs;
  std::vector<DagVersionSeed> dag_versions;
  std::vector<BuildSeed> builds;
  std::vector<DatasetSeed> datasets;
  std::vector<DatasetVersionSeed> dataset_versions;
  std::vector<SubscriptionSeed> subscriptions;
  std::vector<PauseSeed> pauses;
  std::vector<SourceSeed> sources;
};

}  // namespace weir::dispatcher
