// SPDX-License-Identifier: Apache-2.0
#include "worker/heartbeats.h"

#include <pthread.h>

#include <algorithm>

#include "worker/limits.h"

namespace weir::worker {

Heartbeats::Heartbeats(Config config, InternalApi& api, const Clock& clock, Random& random,
                       server::Log& log)
    : config_(config), api_(api), clock_(clock), log_(log), backoff_(random) {}

Heartbeats::~Heartbeats() { stop(); }

void Heartbeats::start() {
  thread_ = std::thread([this] { run(); });
}

void Heartbeats::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Heartbeats::add(const AttemptPtr& attempt) {
  const base::MutexLock lock(mutex_);
  const Duration at = clock_.monotonic() + attempt->claimed().heartbeat_interval;
  due_[attempt] = at;
  if (at >= wakes_at_) return;  // the thread looks before that anyway
  wakes_at_ = at;
  changed_.notify_all();
}

void Heartbeats::remove(const AttemptPtr& attempt) {
  const base::MutexLock lock(mutex_);
  due_.erase(attempt);
}

void Heartbeats::run() {
  pthread_setname_np(pthread_self(), "heartbeats");
  while (true) {
    std::vector<AttemptPtr> due;
    {
      const base::MutexLock lock(mutex_);
      while (!stopped_) {
        wakes_at_ = due_.empty() ? Duration::max() : next_due();
        if (due_.empty()) {
          changed_.wait(mutex_);
          continue;
        }
        const Duration left = wakes_at_ - clock_.monotonic();
        if (left <= Duration::zero()) break;
        changed_.wait_for(mutex_, left);
      }
      if (stopped_) return;
      due = take_due(clock_.monotonic());
    }
    beat(due);
  }
}

Duration Heartbeats::next_due() const {
  return std::ranges::min_element(due_, {}, &std::pair<const AttemptPtr, Duration>::second)->second;
}

/// Those that are due, and with them those that are due soon; each is due again an interval later.
std::vector<AttemptPtr> Heartbeats::take_due(Duration now) {
  std::vector<AttemptPtr> due;
  for (auto& [attempt, at] : due_) {
    const Duration interval = attempt->claimed().heartbeat_interval;
    if (at > now + (interval / kBeatSlack) || due.size() == kItemsMax) continue;
    at = now + interval;
    due.push_back(attempt);
  }
  return due;
}

void Heartbeats::beat(const std::vector<AttemptPtr>& attempts) {
  std::vector<Beat> beats;
  std::vector<AttemptPtr> sent;
  Duration timeout = kAnswerTimeout;
  for (const AttemptPtr& attempt : attempts) {
    Beat beat = attempt->beat();
    // Two attempts of one task stand beside each other only until the older one is fenced.
    const bool again = std::ranges::find(beats, beat.task_id, &Beat::task_id) != beats.end();
    if (again) continue;
    timeout = std::min<Duration>(timeout, attempt->claimed().heartbeat_interval);
    beats.push_back(std::move(beat));
    sent.push_back(attempt);
  }
  const Duration now = clock_.monotonic();
  const auto answers = api_.heartbeat(beats, timeout);
  if (!answers.ok()) {
    after_failure(sent, answers.error());
    return;
  }
  backoff_.reset();
  if (away_) log_.info("the dispatcher answers heartbeats again");
  away_ = false;
  for (std::size_t i = 0; i < sent.size(); ++i) take_answer(*sent[i], (*answers)[i], now);
}

void Heartbeats::take_answer(Attempt& attempt, const BeatAnswer& answer, Duration sent) const {
  if (answer.refusal) {
    if (*answer.refusal == "unavailable" || *answer.refusal == "busy") return;  // of the moment
    attempt.stop().ask({StopReason::LeaseLost, config_.kill_after, *answer.refusal});
    return;
  }
  attempt.take(answer, sent);
  if (answer.canceled) {
    attempt.stop().ask({StopReason::Canceled, config_.cancel_grace, answer.cancel_reason});
  }
}

/// Tries again soon, and stops those whose lease is over.
void Heartbeats::after_failure(const std::vector<AttemptPtr>& attempts, const Error& error) {
  if (!away_) {
    log_.warning("heartbeats are not answered", {{"reason", error.reason()}});
    away_ = true;
  }
  const Duration now = clock_.monotonic();
  Duration again = now + backoff_.next();
  for (const AttemptPtr& attempt : attempts) {
    if (now < attempt->lease_end()) {
      again = std::min(again, attempt->lease_end());
      continue;
    }
    attempt->stop().ask({StopReason::LeaseLost, config_.kill_after});
  }
  const base::MutexLock lock(mutex_);
  for (const AttemptPtr& attempt : attempts) {
    const auto found = due_.find(attempt);
    if (found != due_.end()) found->second = std::max(again, now + kRetryFirst / 2);
  }
}

}  // namespace weir::worker
