// SPDX-License-Identifier: Apache-2.0
#include "worker/claim_loop.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {
namespace {

/// Levels of queues, highest first (contract section 6.4).
constexpr std::array<std::string_view, 4> kLevels = {"high", "normal", "low", "backfill"};

}  // namespace

ClaimLoop::ClaimLoop(DispatcherPort& port, InternalApi& api, Slots& slots, Completions& completions,
                     const Clock& clock, Random& random, server::Log& log)
    : port_(port),
      api_(api),
      slots_(slots),
      completions_(completions),
      clock_(clock),
      random_(random),
      log_(log),
      backoff_(random) {}

ClaimLoop::~ClaimLoop() { stop(); }

void ClaimLoop::start() {
  thread_ = std::thread([this] { run(); });
}

void ClaimLoop::stop() {
  {
    const base::MutexLock lock(mutex_);
    if (!stopping_) stop_at_ = clock_.monotonic() + kLastClaim;
    stopping_ = true;
    changed_.notify_all();
  }
  slots_.no_more();
  port_.cancel_polls();
  if (thread_.joinable()) thread_.join();
}

void ClaimLoop::run() {
  pthread_setname_np(pthread_self(), "claims");
  while (true) {
    completions_.wait_below(kCompletionsMax);
    const std::size_t free = std::min(slots_.wait_free(more_), kItemsMax);
    if (free == 0 || is_stopping()) return;
    const bool acks_are_old = !acks_.empty() && clock_.monotonic() - acks_since_ > kAckAfter;
    std::vector<std::string> task_ids;
    if (!more_ || acks_are_old) {
      auto named = poll(free);
      if (!named.ok()) {
        if (is_stopping()) return;
        tell_away(named.error());
        if (!pause()) return;
        continue;
      }
      task_ids = std::move(*named);
    }
    if (is_stopping() && task_ids.empty()) return;
    claim(task_ids, free);
  }
}

Result<std::vector<std::string>> ClaimLoop::poll(std::size_t free) {
  PollRequest request;
  request.queues = queues();
  request.max = static_cast<int>(free);
  request.wait = more_ ? std::chrono::seconds(0) : kPollWait;
  request.acks.assign(
      acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(std::min(acks_.size(), kAcksMax)));
  const Duration began = clock_.monotonic();
  WEIR_TRY(const std::vector<Wakeup> wakeups, api_.wakeups(request));
  acks_.erase(acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(request.acks.size()));
  if (acks_.empty()) acks_since_ = clock_.monotonic();
  std::vector<std::string> task_ids;
  for (const Wakeup& wakeup : wakeups) {
    acks_.push_back(wakeup.ack);
    const bool known = std::ranges::find(task_ids, wakeup.task_id) != task_ids.end();
    if (!wakeup.task_id.empty() && !known && task_ids.size() < kItemsMax) {
      task_ids.push_back(wakeup.task_id);
    }
  }
  if (wakeups.empty() && !more_ && clock_.monotonic() - began < kPollLeast) {
    pause();
  } else {
    backoff_.reset();
  }
  return task_ids;
}

/// One claim, tried until it is answered: its id makes a repeat give the same leases again.
void ClaimLoop::claim(const std::vector<std::string>& task_ids, std::size_t free) {
  // Fewer wake-ups than were asked for are all there are: the search for more is left out.
  const bool all = !more_ && !task_ids.empty() && task_ids.size() < free;
  const ClaimRequest request{.claim_id = base::uuid_v4(random_),
                             .task_ids = task_ids,
                             .max = all ? 0 : static_cast<int>(std::max(free, task_ids.size()))};
  while (true) {
    const Duration sent = clock_.monotonic();
    auto answer = api_.claim(request);
    if (answer.ok()) {
      if (away_) log_.info("the dispatcher answers again");
      away_ = false;
      backoff_.reset();
      more_ = answer->more;
      for (const Claimed& claimed : answer->tasks) slots_.run(claimed, sent);
      return;
    }
    tell_away(answer.error());
    more_ = false;
    const bool is_answered = answer.error().code() == Code::FailedPrecondition;
    if (!pause() && is_answered) return;
    const base::MutexLock lock(mutex_);
    if (is_answered || (stopping_ && clock_.monotonic() >= stop_at_)) return;
  }
}

/// Higher levels first, but now and then a lower one, so that none starves.
std::vector<std::string> ClaimLoop::queues() {
  std::array<std::string_view, kLevels.size()> levels = kLevels;
  if (random_.next() % kLowerFirstIn == 0) {
    const std::size_t lower = 1 + random_.next() % (levels.size() - 1);
    std::rotate(levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(lower), levels.end());
  }
  std::vector<std::string> queues;
  queues.reserve(levels.size());
  for (const std::string_view level : levels) {
    queues.push_back("tasks." + api_.runtime() + "." + std::string(level));
  }
  return queues;
}

bool ClaimLoop::pause() {
  const Duration until = clock_.monotonic() + backoff_.next();
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    const Duration left = until - clock_.monotonic();
    if (left <= Duration::zero()) return true;
    changed_.wait_for(mutex_, left);
  }
  // Someone waits for the end, but a claim may still be under way: a short breath between tries.
  changed_.wait_for(mutex_, kRetryFirst);
  return false;
}

bool ClaimLoop::is_stopping() const {
  const base::MutexLock lock(mutex_);
  return stopping_;
}

void ClaimLoop::tell_away(const Error& error) {
  if (away_) return;
  away_ = true;
  log_.warning("the dispatcher does not answer", {{"reason", error.reason()}});
}

}  // namespace weir::worker
