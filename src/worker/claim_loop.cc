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

std::vector<std::string> tasks_of(const std::vector<Wakeup>& wakeups) {
  std::vector<std::string> tasks;
  for (const Wakeup& wakeup : wakeups) {
    const bool known = std::ranges::find(tasks, wakeup.task_id) != tasks.end();
    if (!wakeup.task_id.empty() && !known && tasks.size() < kItemsMax) {
      tasks.push_back(wakeup.task_id);
    }
  }
  return tasks;
}

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
    // What a poll without an answer claimed is told again under its id.
    ClaimRequest request{.claim_id = std::exchange(lost_claim_, "")};
    const bool repeats = !request.claim_id.empty();
    if (!repeats) request.claim_id = base::uuid_v4(random_);
    if (!repeats && (!more_ || acks_are_old)) {
      auto answer = poll(free, request.claim_id);
      if (!answer.ok()) {
        if (is_stopping()) return;
        note_lost(answer.error(), request.claim_id);
        tell_away(answer.error());
        if (!pause()) return;
        continue;
      }
      if (answer->claim) {
        take(*std::move(answer->claim), clock_.monotonic());
        continue;
      }
      request.task_ids = tasks_of(answer->wakeups);
    }
    if (is_stopping() && request.task_ids.empty()) return;
    claim(std::move(request), free);
  }
}

Result<PollAnswer> ClaimLoop::poll(std::size_t free, const std::string& claim_id) {
  PollRequest request;
  request.queues = queues();
  request.max = static_cast<int>(free);
  request.wait = more_ ? std::chrono::seconds(0) : kPollWait;
  request.acks.assign(
      acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(std::min(acks_.size(), kAcksMax)));
  // With more ready, more than the messages name is to be claimed.
  if (!more_ && polls_claim_) request.claim_id = claim_id;
  const Duration began = clock_.monotonic();
  WEIR_TRY(PollAnswer answer, api_.poll(request));
  acks_.erase(acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(request.acks.size()));
  if (acks_.empty()) acks_since_ = clock_.monotonic();
  for (const Wakeup& wakeup : answer.wakeups) acks_.push_back(wakeup.ack);
  if (answer.wakeups.empty() && !more_ && clock_.monotonic() - began < kPollLeast) {
    pause();
  } else {
    backoff_.reset();
  }
  return answer;
}

/// It may have claimed, unless it was refused: a dispatcher that is older does not know such polls.
void ClaimLoop::note_lost(const Error& error, const std::string& claim_id) {
  if (more_ || !polls_claim_) return;
  if (error.code() == Code::FailedPrecondition) {
    polls_claim_ = false;
  } else {
    lost_claim_ = claim_id;
  }
}

/// One claim, tried until it is answered: its id makes a repeat give the same leases again.
void ClaimLoop::claim(ClaimRequest request, std::size_t free) {
  const std::size_t named = request.task_ids.size();
  // Fewer wake-ups than were asked for are all there are: the search for more is left out.
  const bool all = !more_ && named > 0 && named < free;
  request.max = all ? 0 : static_cast<int>(std::max(free, named));
  while (true) {
    const Duration sent = clock_.monotonic();
    auto answer = api_.claim(request);
    if (answer.ok()) return take(*std::move(answer), sent);
    tell_away(answer.error());
    more_ = false;
    const bool is_answered = answer.error().code() == Code::FailedPrecondition;
    if (!pause() && is_answered) return;
    const base::MutexLock lock(mutex_);
    if (is_answered || (stopping_ && clock_.monotonic() >= stop_at_)) return;
  }
}

/// `at`: when it was asked for, or, of a poll that waited, when it came: it was claimed just
/// before.
void ClaimLoop::take(ClaimAnswer answer, Duration at) {
  if (away_) log_.info("the dispatcher answers again");
  away_ = false;
  backoff_.reset();
  more_ = answer.more;
  for (Claimed& claimed : answer.tasks) slots_.run(std::move(claimed), at);
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
