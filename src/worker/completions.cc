// SPDX-License-Identifier: Apache-2.0
#include "worker/completions.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {

Completions::Completions(InternalApi& api, const Clock& clock, Random& random, server::Log& log)
    : api_(api), clock_(clock), log_(log), backoff_(random) {}

Completions::~Completions() { stop({}); }

void Completions::start() {
  thread_ = std::thread([this] { run(); });
}

bool Completions::stop(Duration span) {
  const Duration until = clock_.monotonic() + span;
  bool all = false;
  {
    const base::MutexLock lock(mutex_);
    hurry_ = true;
    changed_.notify_all();
    while (!stopped_ && (!waiting_.empty() || sending_ > 0)) {
      const Duration left = until - clock_.monotonic();
      if (left <= Duration::zero()) break;
      changed_.wait_for(mutex_, left);
    }
    all = waiting_.empty() && sending_ == 0;
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  return all;
}

void Completions::report(Completion completion, Report when) {
  const base::MutexLock lock(mutex_);
  if (waiting_.empty()) first_at_ = clock_.monotonic();
  hurry_ = hurry_ || when == Report::AtOnce;
  waiting_.push_back(std::move(completion));
  // One that goes with others leaves the thread asleep but for the first, whose time begins.
  if (hurry_ || waiting_.size() == 1 || waiting_.size() == kReportsTogether) changed_.notify_all();
}

std::size_t Completions::waiting() const {
  const base::MutexLock lock(mutex_);
  return waiting_.size() + sending_;
}

void Completions::wait_below(std::size_t count) {
  const base::MutexLock lock(mutex_);
  while (!stopped_ && waiting_.size() + sending_ >= count) changed_.wait(mutex_);
}

void Completions::run() {
  pthread_setname_np(pthread_self(), "completions");
  while (true) {
    std::vector<Completion> batch;
    {
      const base::MutexLock lock(mutex_);
      if (!wait_due()) return;
      batch = take_batch();
    }
    finish(send(std::move(batch)));
  }
}

bool Completions::wait_due() {
  while (!stopped_) {
    if (waiting_.empty()) {
      changed_.wait(mutex_);
      continue;
    }
    const Duration left = first_at_ + kReportSpan - clock_.monotonic();
    if (hurry_ || waiting_.size() >= kReportsTogether || left <= Duration::zero()) return true;
    changed_.wait_for(mutex_, left);
  }
  return false;
}

/// The oldest, each task once: a request names no task twice.
std::vector<Completion> Completions::take_batch() {
  std::vector<Completion> batch;
  std::deque<Completion> later;
  std::set<std::string> tasks;
  while (!waiting_.empty() && batch.size() < kItemsMax) {
    Completion next = std::move(waiting_.front());
    waiting_.pop_front();
    if (tasks.insert(next.task_id).second) {
      batch.push_back(std::move(next));
    } else {
      later.push_back(std::move(next));
    }
  }
  waiting_.insert(waiting_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
  sending_ = batch.size();
  hurry_ = hurry_ && !waiting_.empty();
  return batch;
}

std::vector<Completion> Completions::send(std::vector<Completion> batch) {
  const auto answers = api_.complete(batch);
  if (!answers.ok()) {
    // The request as a whole was refused: one of them is at fault, and the others shall not wait.
    if (answers.error().code() == Code::FailedPrecondition && batch.size() > 1) {
      return send_one_by_one(std::move(batch));
    }
    if (answers.error().code() == Code::FailedPrecondition) {
      log_.error("an outcome was refused",
                 {{"task_id", batch.front().task_id}, {"code", answers.error().reason()}});
    }
    if (!away_) log_.warning("outcomes are not taken", {{"reason", answers.error().reason()}});
    away_ = true;
    return batch;
  }
  away_ = false;
  std::vector<Completion> again;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const CompletionAnswer& answer = (*answers)[i];
    if (answer.try_again) {
      again.push_back(std::move(batch[i]));
    } else if (answer.refusal) {
      log_.info("an attempt was over before its outcome came", {{"task_id", batch[i].task_id},
                                                                {"attempt", batch[i].attempt},
                                                                {"code", *answer.refusal}});
    }
  }
  return again;
}

std::vector<Completion> Completions::send_one_by_one(std::vector<Completion> batch) {
  std::vector<Completion> again;
  for (Completion& completion : batch) {
    std::vector<Completion> one;
    one.push_back(std::move(completion));
    auto left = send(std::move(one));
    again.insert(again.end(), std::make_move_iterator(left.begin()),
                 std::make_move_iterator(left.end()));
  }
  return again;
}

/// Puts back what was not answered, and waits before the next try.
void Completions::finish(std::vector<Completion> again) {
  const base::MutexLock lock(mutex_);
  sending_ = 0;
  const bool failed = !again.empty();
  hurry_ = hurry_ || failed;
  waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()),
                  std::make_move_iterator(again.end()));
  changed_.notify_all();
  if (!failed) {
    backoff_.reset();
    return;
  }
  const Duration until = clock_.monotonic() + backoff_.next();
  while (!stopped_) {
    const Duration left = until - clock_.monotonic();
    if (left <= Duration::zero()) return;
    changed_.wait_for(mutex_, left);
  }
}

}  // namespace weir::worker
