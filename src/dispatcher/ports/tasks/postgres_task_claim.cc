// SPDX-License-Identifier: Apache-2.0
// T2 over many requests at once (contract sections 3.3.1 and 6.4).
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "dispatcher/core/claim_gate.h"
#include "dispatcher/ports/task_limits.h"
#include "dispatcher/ports/tasks/postgres_task_in_process.h"
#include "dispatcher/ports/tasks/postgres_task_ready.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "dispatcher/ports/tasks/postgres_task_transaction.h"

namespace weir::dispatcher {
namespace {

using postgres::Rows;

/// Where a claim looks for ready tasks. Each way is tried if the one before found too few.
enum class Look {
  Alone,      ///< from the mark of the one build that offers on
  FromMarks,  ///< from the marks on
  Afresh,     ///< from the first on
};

/// The next way to look, after one that found too few; the last finds what there is.
std::optional<Look> wider(Look look) {
  if (look == Look::Alone) return Look::FromMarks;
  return look == Look::FromMarks ? std::optional(Look::Afresh) : std::nullopt;
}

/// Requests that ask for ready tasks of the same kind, served by one search.
struct Group {
  ReadySearch search;
  QueueRuntime runtime = QueueRuntime::EcsPlatform;
  std::size_t result = 0;
  std::vector<TaskId> window = {};
  std::vector<ReadyMarks::Mark> marks = {};  ///< where the window began
};

/// Tells who asked what they get, while it is written.
void tell_granted(std::span<const ClaimRequest> requests, std::span<const ClaimAnswer> answers) {
  for (std::size_t at = 0; at < requests.size(); ++at) {
    if (!requests[at].granted) continue;
    for (const ClaimedTask& task : answers[at].tasks) {
      if (task.answer.ok() && task.context && !task.completed) requests[at].granted(*task.context);
    }
  }
}

std::size_t wanted(const ClaimRequest& request) {
  return request.max == 0 ? 0 : std::max(request.max, request.task_ids.size());
}

class Claims {
 public:
  Claims(TaskTransaction& transaction, std::span<const ClaimRequest> requests, ReadyMarks& marks)
      : transaction_(transaction), requests_(requests), marks_(marks) {}

  /// False: it found too little; another attempt looks in the next way. `look` becomes the way that
  /// was gone: where no build can be alone, that is from the marks on.
  Result<bool> load(Look& look) {
    std::vector<TaskId> named;
    std::vector<TaskTransaction::ClaimKey> claims;
    for (const ClaimRequest& request : requests_) {
      named.insert(named.end(), request.task_ids.begin(), request.task_ids.end());
      if (request.claim_id) claims.push_back({request.worker_id, *request.claim_id});
      if (request.max > 0) join_group(request);
    }
    named_.insert(named.begin(), named.end());
    if (!named.empty() || !claims.empty()) transaction_.name(named, claims);
    for (Group& group : groups_) {
      ++group.search.limit;  // One more than is wanted tells whether there is more.
      if (look != Look::Afresh && named_.empty()) {
        group.search.marks = marks_.use(group.search.queues);
      }
    }
    if (look == Look::Alone && !may_be_alone()) look = Look::FromMarks;
    const auto queue_search = look == Look::Alone ? queue_alone : queue_window;
    for (Group& group : groups_) {
      group.result = queue_search(transaction_.pipeline(), group.search);
    }
    queue_window_switches(transaction_.pipeline());
    const bool names = !named.empty() || !claims.empty();
    if (names) {
      transaction_.lock_tasks();
      transaction_.read_attempts();
      transaction_.read_triggers();
    }
    for (const Group& group : groups_) transaction_.pick(group.search, true);
    transaction_.lock_turns();
    transaction_.read_jobs(true);
    WEIR_TRY(const std::vector<Rows> results, transaction_.load());
    order_picked();
    if (look == Look::Alone) return take_alone(results[groups_.front().result]);
    for (Group& group : groups_) {
      group.window = window_of(results[group.result]);
      if (!group.search.marks.empty() && group.window.size() < group.search.limit) return false;
      if (named_.empty() && group.window.size() < group.search.limit) marks_.forget();
      if (group.window.size() == group.search.limit) group.marks = marks_of(results[group.result]);
    }
    return true;
  }

  /// After the answers: where the next claim may begin. Only a full window tells; one beside which
  /// tasks are named does not tell of these.
  void note_marks() {
    if (!named_.empty()) return;
    for (Group& group : groups_) {
      for (ReadyMarks::Mark& mark : group.marks) {
        mark.place = std::max(mark.place, left_over(mark));
        marks_.set(mark);
      }
    }
  }

  ClaimAnswer answer(const ClaimRequest& request) {
    ClaimAnswer answer;
    if (repeat(request, answer)) return answer;
    std::size_t claimed = 0;
    for (const TaskId& task : request.task_ids) {
      answer.tasks.push_back(claim_one(request, task, true));
      if (answer.tasks.back().answer.ok()) ++claimed;
    }
    for (auto at = picked_.begin(); at != picked_.end() && claimed < wanted(request);) {
      if (!suits(request, at->second)) {
        ++at;
        continue;
      }
      ClaimedTask task = claim_one(request, at->second, false);
      at = picked_.erase(at);
      settled_.insert(task.task_id);
      if (!task.answer.ok()) continue;  // Its gate has closed; it was not asked for by name.
      answer.tasks.push_back(std::move(task));
      ++claimed;
    }
    if (request.max == 0) return answer;
    answer.more = more(request);
    const auto until = transaction_.now() + kPulledPromise;
    transaction_.writes().promise(queues_of(*request.runtime),
                                  answer.more ? std::optional(until) : std::nullopt);
    return answer;
  }

 private:
  bool may_be_alone() {
    return groups_.size() == 1 && groups_.front().search.marks.size() == 1 && marks_.may_be_alone();
  }

  bool take_alone(const Rows& found) {
    Group& group = groups_.front();
    group.marks = marks_of(found);
    if (group.marks.empty()) marks_.not_alone();
    for (const auto& [rank, task] : picked_) group.window.push_back(task);
    return group.window.size() == group.search.limit;
  }

  void join_group(const ClaimRequest& request) {
    for (Group& group : groups_) {
      if (group.runtime != *request.runtime || group.search.operators != request.operators)
        continue;
      group.search.limit += wanted(request);
      return;
    }
    Group group;
    group.runtime = *request.runtime;
    for (const QueueName& queue : queues_of(*request.runtime)) {
      group.search.queues.push_back(queue.text());
    }
    group.search.limit = wanted(request);
    group.search.operators = request.operators;
    group.search.window = "weir.window_" + std::to_string(groups_.size());
    groups_.push_back(std::move(group));
  }

  /// The first that was picked there and not claimed; else the last that was claimed.
  ReadyMarks::Place left_over(const ReadyMarks::Mark& mark) {
    std::optional<ReadyMarks::Place> first;
    ReadyMarks::Place last;
    const auto look = [&](const TaskId& task) {
      const TaskRecord& row = *transaction_.record(task);
      if (row.build_id != mark.build || row.queue.text() != mark.queue) return;
      const ReadyMarks::Place place{.rank = row.life.rank_at, .task = task};
      if (row.life.state != TaskState::Queued) last = std::max(last, place);
      if (row.life.state == TaskState::Queued) first = std::min(first.value_or(place), place);
    };
    for (const TaskId& task : settled_) look(task);
    for (const auto& [rank, task] : picked_) look(task);
    return first.value_or(last);
  }

  /// What was picked, in claim order.
  void order_picked() {
    for (const TaskId& task : transaction_.loaded()) {
      const TaskRecord& row = *transaction_.record(task);
      if (named_.contains(task) || row.life.state != TaskState::Queued) continue;
      picked_.emplace(row.life.rank_at, task);
    }
  }

  bool supports(const ClaimRequest& request, const TaskRecord& task) {
    if (!request.operators) return true;
    const auto job = transaction_.job({task.dag_version_id, task.build_id});
    return job && runs(request, job->operator_name, job->operator_version);
  }

  bool suits(const ClaimRequest& request, const TaskId& task) {
    const TaskRecord& row = *transaction_.record(task);
    return row.queue.runtime == *request.runtime && supports(request, row);
  }

  /// Whether a ready task of the runtime is left.
  bool more(const ClaimRequest& request) {
    for (const auto& [rank, task] : picked_) {
      const TaskView view = transaction_.view(task);
      if (suits(request, task) && !closed_gate(view, transaction_.facts(view))) return true;
    }
    for (const Group& group : groups_) {
      if (group.runtime != *request.runtime || group.search.operators != request.operators)
        continue;
      return std::ranges::any_of(group.window, [&](const TaskId& task) {
        const bool ours = transaction_.record(task) != nullptr;
        return !ours && !settled_.contains(task);  // Another holds it for now.
      });
    }
    return false;
  }

  ClaimCommand command(const ClaimRequest& request, const TaskView& view) {
    ClaimCommand command;
    command.worker_id = request.worker_id;
    command.claim_id = request.claim_id;
    command.lease_token = transaction_.fresh<LeaseToken>();
    command.draw = transaction_.draw();
    if (view.presence != Presence::Live) return command;
    command.operator_supported = supports(request, view.task);
    command.frozen_scope = transaction_.frozen_scope(view.task);
    return command;
  }

  /// `asked`: by name, so that a refusal answers its wake-up.
  ClaimedTask claim_one(const ClaimRequest& request, const TaskId& task, bool asked) {
    const TaskView view = transaction_.view(task);
    const auto decision =
        decide(view, transaction_.facts(view), command(request, view), transaction_.now());
    if (asked || !decision.refused) transaction_.write(view, decision.change);
    return claimed(task, decision);
  }

  ClaimedTask claimed(const TaskId& task, const Decision<ClaimReply>& decision) {
    ClaimedTask claimed{.task_id = task, .answer = {}, .context = {}};
    claimed.answer.refused = decision.refused;
    if (decision.refused) return claimed;
    claimed.answer.reply = decision.reply;
    claimed.context = transaction_.context(task);
    return claimed;
  }

  ClaimedTask look_at(const ClaimRequest& request, const TaskId& task) {
    const TaskView view = transaction_.view(task);
    auto decision =
        decide(view, transaction_.facts(view), command(request, view), transaction_.now());
    if (!decision.refused && !decision.reply.duplicate) {
      // It could be had, but not by this request.
      decision.refused = not_claimed(NotClaimedReason::NotDue, Duration{});
    }
    return claimed(task, decision);
  }

  /// The answer to a claim that was answered before, while leases of it live: those leases.
  bool repeat(const ClaimRequest& request, ClaimAnswer& answer) {
    if (!request.claim_id) return false;
    std::vector<std::pair<std::int64_t, TaskId>> living;
    for (const TaskId& task : transaction_.loaded()) {
      const TaskView view = transaction_.view(task);
      const bool held = view.attempt && view.lease && view.attempt->fence_no > 0 &&
                        view.attempt->state == AttemptState::Active &&
                        view.attempt->claim_id == request.claim_id &&
                        view.attempt->worker_id == request.worker_id &&
                        view.lease->expires_at > transaction_.now();
      if (held) living.emplace_back(view.attempt->fence_no, task);
    }
    if (living.empty()) return false;
    std::ranges::sort(living);
    for (const TaskId& task : request.task_ids) answer.tasks.push_back(look_at(request, task));
    for (const auto& [fence_no, task] : living) {
      if (std::ranges::find(request.task_ids, task) != request.task_ids.end()) continue;
      answer.tasks.push_back(look_at(request, task));
    }
    answer.more = request.max > 0 && more(request);
    return true;
  }

  TaskTransaction& transaction_;
  std::span<const ClaimRequest> requests_;
  ReadyMarks& marks_;
  std::vector<Group> groups_;
  std::set<TaskId> named_;
  std::set<std::pair<Instant, TaskId>> picked_;
  std::set<TaskId> settled_;  ///< picked, and claimed or refused
};

}  // namespace

Result<std::vector<ClaimAnswer>> PostgresTaskStore::claim(std::span<const ClaimRequest> requests) {
  bool idle = false;
  {
    const base::MutexLock lock(mutex_);
    idle = idle_;
  }
  if (idle) {
    WEIR_TRY(const bool nothing, nothing_ready(requests));
    if (nothing) return std::vector<ClaimAnswer>(requests.size());
  }
  std::vector<ClaimAnswer> answers;
  const auto done = with_session([&](postgres::Connection& connection) -> Result<void> {
    for (std::optional<Look> look = Look::Alone; look; look = wider(*look)) {
      TaskTransaction transaction(connection, ports_, jobs_);
      Claims claims(transaction, requests, jobs_.marks());
      WEIR_TRY(const bool enough, claims.load(*look));
      if (!enough) {
        if (look == Look::FromMarks) jobs_.marks().forget();
        WEIR_CHECK(connection.rollback());
        continue;
      }
      for (const ClaimRequest& request : requests) answers.push_back(claims.answer(request));
      claims.note_marks();
      InProcessRuns runs(transaction);
      WEIR_CHECK(runs.run(requests, answers));
      WEIR_CHECK(transaction.commit([&](postgres::Pipeline& pipeline) { runs.write(pipeline); },
                                    [&] { tell_granted(requests, answers); }));
      for (ClaimAnswer& answer : answers) {
        for (ClaimedTask& task : answer.tasks) {
          const bool granted = task.answer.ok() && !task.answer.reply.duplicate;
          if (granted) task.answer.reply.fence_no = transaction.fence_no(task.task_id);
        }
      }
      return {};
    }
    return {};
  });
  if (!done.ok()) {
    jobs_.marks().forget();  // What was marked as claimed is not.
    return done.error();
  }
  const base::MutexLock lock(mutex_);
  idle_ = std::ranges::all_of(
      answers, [](const ClaimAnswer& answer) { return answer.tasks.empty() && !answer.more; });
  return answers;
}

}  // namespace weir::dispatcher
