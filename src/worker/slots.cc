// SPDX-License-Identifier: Apache-2.0
#include "worker/slots.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "worker/child/limits.h"
#include "worker/child/orphans.h"
#include "worker/child/task_log.h"
#include "worker/limits.h"
#include "worker/outcome.h"

namespace weir::worker {
namespace {

/// In builds with crash points an operator is told its own in WEIR_CHILD_CRASH_AT
/// (base/crash_point.h).
void pass_on_crash_point([[maybe_unused]] std::map<std::string, std::string>& environment) {
#ifdef WEIR_CRASH_POINTS
  if (const char* at = std::getenv("WEIR_CHILD_CRASH_AT")) environment["WEIR_CRASH_AT"] = at;
#endif
}

}  // namespace

Slots::Slots(const SlotParts& parts)
    : parts_(parts), ingest_roots_(nlohmann::json(parts.config.ingest_roots).dump()) {}

Slots::~Slots() {
  stop_all({StopReason::Drain, Duration::zero()});
  join();
}

void Slots::start() {
  for (int number = 0; number < parts_.config.slots; ++number) {
    threads_.emplace_back([this, number] { work(static_cast<std::size_t>(number)); });
  }
}

void Slots::run(Claimed claimed, Duration claim_sent) {
  const auto attempt = std::make_shared<Attempt>(std::move(claimed), claim_sent);
  if (!take(attempt)) {
    parts_.completions.report(released_completion(attempt->claimed()));
    return;
  }
  work_.notify_one();  // without the lock, which who wakes takes first
}

bool Slots::take(const AttemptPtr& attempt) {
  const base::MutexLock lock(mutex_);
  const std::size_t most = threads_.size() + (no_more_ ? 0 : kAheadMax);
  if (ending_ || running_.size() >= most) return false;
  running_.insert(attempt);
  waiting_.push_back({attempt, parts_.clock.monotonic()});
  parts_.heartbeats.add(attempt);
  return true;
}

std::size_t Slots::wait_free(bool ahead) {
  const base::MutexLock lock(mutex_);
  ahead_ = ahead;
  while (!no_more_) {
    if (running_.size() < wanted_below()) {
      const std::size_t places = threads_.size();
      const std::size_t wanted = places + (ahead ? ahead_max() : 0) - running_.size();
      return std::min(wanted, std::max(places, kAheadClaim));
    }
    if (waiting_.empty()) {
      changed_.wait(mutex_);
      continue;
    }
    const Duration oldest = waiting_.front().taken_at;
    changed_.wait_for(mutex_, oldest + kAheadWaitMax - parts_.clock.monotonic());
    // Long ones are in their way: others may have a free place.
    const Duration latest = parts_.clock.monotonic() - kAheadWaitMax;
    while (!waiting_.empty() && waiting_.front().taken_at <= latest) {
      pace_ = std::max(pace_.value_or(kAheadSpan), kAheadSpan);
      release(waiting_.front().attempt);
      waiting_.pop_front();
    }
  }
  return 0;
}

/// By half of what may be taken ahead, so that a claim is answered before the last of it begins.
std::size_t Slots::wanted_below() const { return threads_.size() + (ahead_ ? ahead_max() / 2 : 0); }

std::size_t Slots::ahead_max() const {
  if (!pace_ || *pace_ >= kAheadSpan) return 0;
  const auto rounds = static_cast<std::size_t>(kAheadSpan / std::max(*pace_, Duration(1)));
  return std::min(rounds * threads_.size(), kAheadMax);
}

/// Rises at once and falls by half: one long attempt among short ones holds back those behind it.
void Slots::note_pace(Duration took) {
  pace_ = !pace_ || took > *pace_ ? took : took + (*pace_ - took) / 2;
}

void Slots::release(const AttemptPtr& attempt) {
  running_.erase(attempt);
  parts_.heartbeats.remove(attempt);
  parts_.completions.report(released_completion(attempt->claimed()));
  changed_.notify_all();
}

void Slots::no_more() {
  const base::MutexLock lock(mutex_);
  no_more_ = true;
  const std::size_t at_work = running_.size() - waiting_.size();
  while (!waiting_.empty() && at_work + waiting_.size() > threads_.size()) {
    release(waiting_.back().attempt);
    waiting_.pop_back();
  }
  changed_.notify_all();
}

bool Slots::wait_idle(Duration span) {
  const Duration until = parts_.clock.monotonic() + span;
  const base::MutexLock lock(mutex_);
  while (!running_.empty()) {
    const Duration left = until - parts_.clock.monotonic();
    if (left <= Duration::zero()) return false;
    changed_.wait_for(mutex_, left);
  }
  return true;
}

void Slots::stop_all(const StopWish& wish) {
  const base::MutexLock lock(mutex_);
  for (const AttemptPtr& attempt : running_) attempt->stop().ask(wish);
}

void Slots::join() {
  {
    const base::MutexLock lock(mutex_);
    ending_ = true;
    no_more_ = true;
    changed_.notify_all();
    work_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Slots::work(std::size_t number) {
  pthread_setname_np(pthread_self(), "slot");
  std::unique_ptr<TaskDoor> door;  // made with the first attempt
  while (true) {
    AttemptPtr attempt;
    {
      const base::MutexLock lock(mutex_);
      while (!ending_ && waiting_.empty()) work_.wait(mutex_);
      if (waiting_.empty()) return;
      attempt = std::move(waiting_.front().attempt);
      waiting_.pop_front();
    }
    const Duration began = parts_.clock.monotonic();
    run_attempt(attempt, door, number);
    const base::MutexLock lock(mutex_);
    note_pace(parts_.clock.monotonic() - began);
    running_.erase(attempt);
    if (running_.empty() || running_.size() < wanted_below()) changed_.notify_all();
  }
}

void Slots::run_attempt(const AttemptPtr& attempt, std::unique_ptr<TaskDoor>& door,
                        std::size_t number) {
  const std::string socket =
      (parts_.scratch.folder() / ("s" + std::to_string(number) + ".sock")).string();
  Result<ChildEnd> end = base::unavailable("worker_failed", "");
  const auto folder = parts_.scratch.make();
  if (!folder.ok()) {
    end = folder.error();
  } else {
    if (!door) {
      auto opened = TaskDoor::open(socket, parts_.door);
      if (opened.ok()) door = std::move(*opened);
      if (!opened.ok()) end = opened.error();
    }
    if (door) {
      door->serve(attempt);
      end = run_operator(*attempt, *folder, socket);
      door->serve(nullptr);
    }
    const std::size_t left = end_orphans(*folder, parts_.guardian);
    if (left > 0) {
      parts_.log.warning("an operator left processes behind, which were ended",
                         {{"task_id", attempt->task_id()}, {"processes", left}});
    }
    parts_.scratch.give_back(*folder);
  }
  parts_.heartbeats.remove(attempt);
  report(attempt, end);
  prune_logs_sometimes();
}

Result<ChildEnd> Slots::run_operator(Attempt& attempt, const std::filesystem::path& folder,
                                     const std::string& socket) {
  if (attempt.payload().op.empty()) {
    return base::invalid_argument("payload_invalid", "the task's payload cannot be read");
  }
  ChildSpec spec = spec_of(attempt, folder, socket);
  WEIR_TRY(spec.argv,
           parts_.operators.command(attempt.payload().op, attempt.payload().operator_version));
  return run_child(spec, attempt.stop(), parts_.clock, [&] {
    parts_.log.debug("operator started", {{"task_id", attempt.task_id()},
                                          {"attempt", attempt.payload().attempt},
                                          {"operator", attempt.payload().op}});
  });
}

/// The environment of contract section 6.14, as far as it is an operator's: no credential in it.
ChildSpec Slots::spec_of(const Attempt& attempt, const std::filesystem::path& folder,
                         const std::string& socket) const {
  const WorkerConfig& config = parts_.config;
  const operators::TaskPayload& payload = attempt.payload();
  const std::string task_api = "unix:" + socket;
  ChildSpec spec;
  spec.environment = {
      {"TRACE_TASK_API", task_api},
      {"WEIR_OBJECT_ROOT", config.object_root},
      {"WEIR_INGEST_ROOTS", ingest_roots_},
      {"WEIR_DUCKDB_LIBRARY", config.duckdb_library},
      {"AWS_LAMBDA_FUNCTION_NAME", payload.job},
      {"AWS_LAMBDA_FUNCTION_VERSION", payload.operator_version},
      {"_HANDLER", payload.op},
      {"LAMBDA_TASK_ROOT", folder.string()},
      {"TMPDIR", folder.string()},
      {"HOME", folder.string()},
      {"PATH", "/usr/local/bin:/usr/bin:/bin"},
      {"LANG", "C.UTF-8"},
      {"TZ", "UTC"},
  };
  pass_on_crash_point(spec.environment);
  spec.secrets = parts_.hidden;
  spec.secrets.push_back(attempt.claimed().lease_token);
  spec.secrets.push_back(attempt.capability());
  for (const auto& [name, value] : parts_.secrets) {
    spec.environment["TRACE_SECRET_" + name] = value;
    spec.secrets.push_back(value);
  }
  spec.folder = folder.string();
  operators::append_task_payload(spec.input, payload, {.task_api = task_api});
  spec.input += '\n';
  spec.log_path = task_log_path(config.log_folder, payload.task_id, payload.attempt);
  spec.deadline = attempt.deadline(parts_.clock.now(), parts_.clock.monotonic());
  spec.kill_after = config.kill_after;
  return spec;
}

void Slots::report(const AttemptPtr& attempt, const Result<ChildEnd>& end) {
  // An operator that completed its task has said it all.
  if (attempt->own_outcome()) return;
  std::optional<Completion> completion = outcome_of(attempt->claimed(), end);
  if (!completion) {
    parts_.log.info("an attempt was stopped, another may run",
                    {{"task_id", attempt->task_id()},
                     {"attempt", attempt->payload().attempt},
                     {"code", end.ok() ? end->stop.detail : end.error().reason()}});
    return;
  }
  if (completion->outcome != "success") {
    parts_.log.info("an attempt ended", {{"task_id", completion->task_id},
                                         {"attempt", completion->attempt},
                                         {"outcome", completion->outcome},
                                         {"code", completion->error_code}});
  } else if (end->last_line_cut) {
    parts_.log.warning("a result was left out: it has more than 16 KiB",
                       {{"task_id", completion->task_id}});
  }
  parts_.completions.report(std::move(*completion), when());
}

Report Slots::when() const {
  const base::MutexLock lock(mutex_);
  return waiting_.empty() ? Report::AtOnce : Report::Together;
}

void Slots::prune_logs_sometimes() {
  {
    const base::MutexLock lock(mutex_);
    if (++logs_since_count_ < kLogFilesBetweenCounts) return;
    logs_since_count_ = 0;
  }
  prune_logs(parts_.config.log_folder, parts_.clock.now());
}

}  // namespace weir::worker
