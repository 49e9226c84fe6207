// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/ports/tasks/postgres_task_jobs.h"

namespace weir::postgres {
class Connection;
class Params;
class Pool;
class Rows;
struct Statement;
}  // namespace weir::postgres

namespace weir::dispatcher {

/// TaskStore on PostgreSQL, shared by any number of processes.
///
/// A call is one transaction and two round trips. The first finds and locks the rows and reads all
/// that the decisions need; what it locked stands in a setting of the transaction (weir.tasks), so
/// that its later statements follow its earlier ones without an answer in between. Then
/// dispatcher/core decides, and the second round trip writes one statement a table and commits.
/// A third comes before them where a build is met for the first time: its definition is kept.
///
/// Slots of counters and meters are the session's, so that calls that run at once share no row;
/// those of a build with max_concurrency are in slot 0, and its claims take turns there.
///
/// Faults: a deadlock or a serialization failure is ABORTED `transaction_conflict`, a lost session
/// UNAVAILABLE `unavailable` or, behind COMMIT, `commit_unknown`.
class PostgresTaskStore final : public TaskStore {
 public:
  /// The schema must be prepared (prepare_state_schema), and the pool's sessions work as role
  /// weir_dispatcher. Both outlive the store.
  /// `looks`: sessions with the settings of look_settings(), on which due() and the search for
  /// something to claim are one statement each; without them they are transactions of `pool`.
  PostgresTaskStore(postgres::Pool& pool, TaskStorePorts ports, postgres::Pool* looks = nullptr)
      : pool_(pool), looks_(looks), ports_(std::move(ports)) {}

  static std::vector<std::pair<std::string, std::string>> look_settings();

  Result<std::vector<ClaimAnswer>> claim(std::span<const ClaimRequest> requests) override;
  Result<std::vector<Answer<HeartbeatReply>>> heartbeat(
      std::span<const TaskItem<HeartbeatCommand>> items) override;
  Result<std::vector<Answer<CompleteReply>>> complete(
      std::span<const TaskItem<CompleteCommand>> items) override;
  Result<std::vector<Answer<AcceptReply>>> accept(std::span<const AcceptRequest> requests) override;
  Result<std::vector<Answer<RunReply>>> start_runs(std::span<const RunRequest> requests) override;
  Result<Answer<StateReply>> command(const UserRequest& request) override;
  Result<TaskContext> fetch(const TaskId& task) override;
  Result<Answer<StateRow>> read_state(const StateRead& request) override;
  Result<ChorePage> run_chore(Chore chore, std::size_t limit) override;
  Result<DueInstants> due() override;

 private:
  /// Runs `work` on a session of the pool, with the errors of the port.
  Result<void> with_session(const std::function<Result<void>(postgres::Connection&)>& work);
  /// The same on a session for looks.
  Result<void> with_look(const std::function<Result<void>(postgres::Connection&)>& work);
  Result<postgres::Rows> look(postgres::Connection& connection,
                              const postgres::Statement& statement, postgres::Params params) const;
  /// Whether the claims, which name no task, would get none.
  Result<bool> nothing_ready(std::span<const ClaimRequest> requests);
  Result<ChorePage> refill(postgres::Connection& connection, std::size_t limit);
  Result<ChorePage> fire_sources(postgres::Connection& connection, std::size_t limit);
  Result<ChorePage> sweep(postgres::Connection& connection, Chore chore, std::size_t limit);
  /// Adds the parameters that say what is in `known_runs_`.
  void name_known_runs(postgres::Params& params) const WEIR_EXCLUDES(mutex_);
  /// Takes a source into `unreadable_`; gives what is told about it.
  std::string note_unreadable(const postgres::Rows& rows, std::size_t row, const Error& error)
      WEIR_EXCLUDES(mutex_);
  /// Adds the parameters that say what is in `unreadable_`.
  void name_unreadable(postgres::Params& params) const WEIR_EXCLUDES(mutex_);

  postgres::Pool& pool_;
  postgres::Pool* const looks_;
  TaskStorePorts ports_;
  JobCache jobs_;
  mutable base::Mutex mutex_;
  /// Epochs of always_on sources whose run is there although an earlier epoch had none: by build,
  /// as many as there are such sources.
  std::map<BuildId, std::int64_t> known_runs_ WEIR_GUARDED_BY(mutex_);
  /// Cron sources whose schedule cannot be read, and that schedule: they are not asked for while it
  /// stands so; by build, as many as there are such sources.
  std::map<BuildId, std::string> unreadable_ WEIR_GUARDED_BY(mutex_);
  /// The last claims got nothing: whether there is anything is asked before the next.
  bool idle_ WEIR_GUARDED_BY(mutex_) = false;
  /// When this store last rang for a queue that owed: one that is pulled waits from then on.
  std::optional<Instant> refilled_at_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::dispatcher
