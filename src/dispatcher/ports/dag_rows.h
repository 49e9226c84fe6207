// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/dagfile/dag_file.h"
#include "dispatcher/ports/task_context.h"

/// What stands of a DAG in the database, and what a deploy writes there, as plain data (contract
/// sections 4 and 6.6).
namespace weir::dispatcher {

using PointerSetId = base::TypedUuid<struct PointerSetIdTag>;
using UserId = base::TypedUuid<struct UserIdTag>;

inline constexpr std::string_view kLiveWorld = "live";

/// A DAG of an organisation in a world.
struct DagName {
  OrgId org_id;
  std::string dag_name;
  std::string world = std::string(kLiveWorld);
};

enum class VersionState : std::uint8_t { Building, Complete, Purging, Purged };

/// An input of a build: the version that its subscription names.
struct StandingInput {
  int index = 0;
  DatasetVersionId version;
};

/// A dataset version of a build.
struct StandingOutput {
  int output = 0;
  DatasetVersionId version;
  VersionState state = VersionState::Building;
  std::int64_t last_seq = 0;  ///< 0: it holds nothing yet
};

/// A build of a slot.
struct StandingBuild {
  BuildId build_id;
  std::string job;
  std::string world;
  std::string core_id;
  std::string node_id;
  int generation = 1;
  Dispatch dispatch = Dispatch::Building;
  /// Column `definition`, described at NewBuild; of current builds, else empty.
  std::string definition_json;
  std::vector<StandingInput> inputs;  ///< by index
  std::vector<StandingOutput> outputs;
};

/// What a published name of another DAG stands for now.
struct ForeignDataset {
  std::string owner_dag;
  DatasetUuid dataset;
  DatasetVersionId version;
  std::int64_t last_seq = 0;
};

/// The row of `dag_current_versions`; without the two ids the DAG is deactivated.
struct CurrentDag {
  std::optional<DagVersionId> version;
  std::optional<PointerSetId> pointer_set;
  std::optional<PointerSetId> previous;
  std::int64_t generation = 0;
};

/// A pointer set that a version has already.
struct StandingPointers {
  PointerSetId id;
  int set_no = 1;
  std::map<std::string, BuildId> builds;  ///< by job
};

/// A row of `dag_versions`.
struct DagVersionRow {
  DagVersionId id;
  std::int64_t version_no = 0;
  std::string yaml_hash;
  std::string registry_hash;
  std::string yaml_text;  ///< empty in lists
  std::string created_by;
  Instant created_at{};
  /// `active`, `building`, `ready`, `previous`, `stored` (3.5).
  std::string state;
};

/// An unfinished deploy.
struct OpenDeploy {
  DeployId id;
  DagVersionId version;
  PointerSetId pointer_set;
  std::string state;
  std::vector<BuildId> builds;  ///< those of its pointer set
};

/// What a plan needs to know, of one moment.
struct DagStanding {
  Instant now{};
  std::optional<CurrentDag> current = {};
  std::map<std::string, BuildId> current_builds = {};  ///< by job
  /// Of every slot of the DAG: the current builds, and the newest for each node id.
  std::vector<StandingBuild> builds = {};
  /// The highest of each job and node id.
  std::map<std::pair<std::string, std::string>, int> generations = {};
  std::map<std::string, ForeignDataset> foreign = {};
  /// The version with the same yaml_hash and registry_hash, and what it has.
  std::optional<DagVersionRow> same = {};
  std::vector<StandingPointers> same_pointers = {};
  std::set<std::string> reset_done = {};  ///< its jobs whose bootstrap reset was carried out
  std::int64_t version_no_max = 0;
  std::optional<OpenDeploy> open_deploy = {};
};

/// A row of `jobs`, beside the file's job.
struct NewJob {
  std::size_t job = 0;  ///< index in the file
  std::string core_id;
  std::string node_id;
  std::string udf_sha256 = {};  ///< hex; empty without a bundle
};

/// A row of `dataset_versions`, and of `datasets` where there is none.
struct NewOutput {
  int output = 0;
  DatasetUuid dataset;
  DatasetVersionId version;
  DatasetKind kind = DatasetKind::Events;
  std::string storage_json = "{}";  ///< `{"storage":…,"write_mode"?:…}`, words of the DAG file
  /// `{"columns":[{"name","type","nullable"}],"unique":[…],"indexes":[[…]]}`; empty: not known.
  std::string schema_json = {};
};

/// A row of `subscriptions`: events up to `backfill_to_seq` are enumerated, later ones are routed.
struct NewSubscription {
  int index = 0;
  DatasetVersionId version;
  std::int64_t backfill_to_seq = 0;
};

/// A row of `builds` with what belongs to it. `definition_json` is the job of the normalised
/// document (dagfile) with these members besides or instead:
///   operator_version  text
///   config            object, defaults filled in: what the operator gets
///   ordered, inline, on_dispatcher  bools of the operator
///   source            null, or {kind, schedule?, webhook_path?}
///   tuning            {heartbeat_timeout_seconds, timeout_seconds|null, max_attempts, priority,
///                     max_queue_depth, max_queue_age_ms, backpressure_mode, max_concurrency|null}
///                     as the first version that made the build had it; the current one's stand
///                     in `jobs`
///   udf               null, or {bundle_id, language, sha256, entrypoint|null}
///   core, node        the objects whose hashes are core_id and node_id (2.8)
/// A rate counts from `opened_at`, the first activation of the build.
struct NewBuild {
  BuildId build_id;
  std::size_t job = 0;
  std::string core_id;
  std::string node_id;
  int generation = 1;
  std::string definition_json;
  std::vector<NewOutput> outputs;
  std::vector<NewSubscription> inputs;
  std::string source_kind = {};  ///< empty: no source
};

/// A row of `dag_version_datasets`.
struct NewPointer {
  DatasetUuid dataset;
  DatasetVersionId version;
  std::string dataset_id = {};       ///< published name, or empty
  std::string filterable_json = {};  ///< `{column: type}` of a published one
};

struct NewPointerSet {
  PointerSetId id;
  int set_no = 1;
  bool exists = false;  ///< the rows stand already
  std::vector<std::pair<std::string, BuildId>> builds;
  std::vector<NewPointer> datasets;
};

/// A source whose build opens.
struct SourceStart {
  BuildId build_id;
  std::optional<Instant> next_fire_at = {};
};

/// A control event (3.5.2): becomes an outbox row of kind `control_event` under its derived id,
/// with its type as the topic, order_key "control.<org>.<dag>", and the CloudEvents envelope of
/// the other plane's contract as payload: besides its usual members `org_id`, and in `data` `dag`,
/// `world`, `deploy_id` and the members here.
struct ControlEvent {
  DeployId deploy;
  std::string type;
  std::string instance;  ///< the dataset id, or what tells events of one type apart
  std::string data_json = "{}";
};

/// The switch of section 6.6. So far nothing ever leaves: the DAG had nothing current.
struct Cutover {
  DagVersionId version;
  PointerSetId to;
  std::int64_t generation = 1;    ///< afterwards
  std::vector<NewPointer> names;  ///< those of the set that are published
  std::vector<BuildId> entering;
  std::vector<SourceStart> sources;
  std::vector<std::string> queues_owed;  ///< names of queues
  std::vector<std::string> resets;       ///< jobs whose bootstrap reset this carries out
};

/// An open deploy that does not come to its end.
struct EndedDeploy {
  DeployId id;
  bool canceled = false;  ///< by a user; else it is superseded
};

/// A row of `deploys`: `active` with a cutover, else `ready`.
struct NewDeploy {
  DeployId id;
  bool exists = false;  ///< one that waited goes on
  std::string activate = "auto";
  std::string old_version = "live";
  std::string effects = "suppress";
  std::vector<std::string> keep = {};
  std::string plan_json = "[]";  ///< appendix A.5's
  std::optional<PointerSetId> from = {};
  std::optional<std::int64_t> generation_before = {};
};

/// All that one deploy changes; what is empty does not change.
struct DeployWrites {
  DagVersionId version;  ///< the one the reply names
  std::int64_t version_no = 0;
  bool new_version = false;
  std::string registry_hash = {};
  std::vector<NewJob> jobs = {};  ///< of a new version
  std::vector<NewBuild> builds = {};
  std::optional<NewPointerSet> pointers = {};
  std::optional<EndedDeploy> ended = {};
  std::vector<BuildId> stopped = {};  ///< candidates of the ended deploy that nobody took over
  std::optional<NewDeploy> deploy = {};
  std::optional<Cutover> cutover = {};
  std::vector<ControlEvent> events = {};
  std::string audit_action = {};  ///< empty: nothing to tell
  std::string audit_detail_json = "{}";
};

/// A deploy as appendix A.5 shows it.
struct DeployRow {
  DeployId id;
  std::string dag_name;
  std::string world;
  std::string from_world = {};
  std::string kind = "deploy";
  std::string state;
  std::optional<DagVersionId> from = {};
  std::optional<DagVersionId> to = {};
  PointerSetId to_pointer_set;
  std::string activate;
  std::string old_version;
  std::string effects;
  std::string plan_json = "[]";
  std::string blockers_json = "[]";
  std::string checks_json = "[]";
  std::int64_t builds_total = 0;  ///< of the plan's actions `build`
  std::int64_t builds_ready = 0;
  std::int64_t tasks_total = 0;  ///< backfill tasks of those builds
  std::int64_t tasks_done = 0;
  Instant created_at{};
  std::optional<Instant> ready_at = {};
  std::optional<Instant> finished_at = {};
};

}  // namespace weir::dispatcher
