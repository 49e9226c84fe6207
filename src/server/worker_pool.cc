// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace weir::server {

struct WorkerPool::Item {
  std::size_t bytes = 0;
  Task task;
  std::list<std::shared_ptr<Item>>::iterator place;
  bool waiting = true;
};

/// A thread that sleeps until it is called.
struct WorkerPool::Sleeper {
  base::CondVar called;
  bool awake = false;
};

// Tasks run and are destroyed outside the lock. A task at the front of the line for which a thread
// is free counts as running already, so that bounds and counts do not depend on how fast threads
// wake. The thread that fell asleep last is called first: its stack, its caches and its part of the
// heap are still warm, and a load that one thread can carry stays with one.
struct WorkerPool::State {
  explicit State(WorkerPoolConfig given) : config(std::move(given)) {}

  Result<std::shared_ptr<Item>> put(std::size_t bytes, Task task) WEIR_EXCLUDES(mutex);
  std::shared_ptr<Item> take() WEIR_EXCLUDES(mutex);
  void finish() WEIR_EXCLUDES(mutex);
  bool remove(Item& item) WEIR_EXCLUDES(mutex);
  void run() WEIR_EXCLUDES(mutex);
  void call_one() WEIR_REQUIRES(mutex);
  void sleep() WEIR_REQUIRES(mutex);
  /// Empties the line and gives what was in it, to be destroyed outside the lock.
  std::list<std::shared_ptr<Item>> take_all() WEIR_REQUIRES(mutex);
  Counts count() const WEIR_REQUIRES(mutex);

  const WorkerPoolConfig config;
  mutable base::Mutex mutex;
  base::CondVar empty;                                    // nothing runs and nothing waits
  std::vector<Sleeper*> sleepers WEIR_GUARDED_BY(mutex);  // last asleep last
  std::list<std::shared_ptr<Item>> line WEIR_GUARDED_BY(mutex);
  std::size_t line_bytes WEIR_GUARDED_BY(mutex) = 0;
  std::size_t running WEIR_GUARDED_BY(mutex) = 0;
  bool draining WEIR_GUARDED_BY(mutex) = false;
  bool stopping WEIR_GUARDED_BY(mutex) = false;
  std::vector<std::thread> threads WEIR_GUARDED_BY(mutex);
};

Result<void> WorkerPoolConfig::validate() const {
  if (concurrency == 0) return base::invalid_argument("out_of_range", name + ": no thread to work");
  if (name.size() > 15)
    return base::invalid_argument("out_of_range", name + ": more than 15 letters");
  return {};
}

Result<std::unique_ptr<WorkerPool>> WorkerPool::create(WorkerPoolConfig config) {
  WEIR_CHECK(config.validate());
  return std::unique_ptr<WorkerPool>(new WorkerPool(std::make_shared<State>(std::move(config))));
}

WorkerPool::WorkerPool(std::shared_ptr<State> state) : state_(std::move(state)) {}
WorkerPool::~WorkerPool() { stop(); }

Result<void> WorkerPool::start() {
  const base::MutexLock lock(state_->mutex);
  if (state_->draining || !state_->threads.empty()) {
    return base::failed_precondition("already_started", state_->config.name + ": start works once");
  }
  try {
    for (std::size_t number = 0; number < state_->config.concurrency; ++number) {
      std::thread& thread = state_->threads.emplace_back([state = state_.get()] { state->run(); });
      pthread_setname_np(thread.native_handle(), state_->config.name.c_str());
    }
  } catch (const std::system_error& error) {
    return base::unavailable("no_thread", state_->config.name + ": " + error.what());
  }
  return {};
}

Result<WorkerPool::Ticket> WorkerPool::submit(std::size_t bytes, Task task) {
  WEIR_TRY(const std::shared_ptr<Item> item, state_->put(bytes, std::move(task)));
  return Ticket(state_, item);
}

bool WorkerPool::Ticket::abandon() {
  const std::shared_ptr<State> pool = pool_.lock();
  const std::shared_ptr<Item> item = item_.lock();
  return pool && item && pool->remove(*item);
}

bool WorkerPool::drain(Duration span) {
  const auto deadline = std::chrono::steady_clock::now() + span;
  std::list<std::shared_ptr<Item>> abandoned;
  const base::MutexLock lock(state_->mutex);
  state_->draining = true;
  while (state_->running > 0 || !state_->line.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    state_->empty.wait_for(state_->mutex, left);
  }
  abandoned = state_->take_all();
  return state_->running == 0 && abandoned.empty();
}

void WorkerPool::stop() {
  std::vector<std::thread> threads;
  std::list<std::shared_ptr<Item>> abandoned;
  {
    const base::MutexLock lock(state_->mutex);
    state_->draining = true;
    state_->stopping = true;
    abandoned = state_->take_all();
    threads.swap(state_->threads);
    while (!state_->sleepers.empty()) state_->call_one();
  }
  for (std::thread& thread : threads) thread.join();
}

WorkerPool::Counts WorkerPool::counts() const {
  const base::MutexLock lock(state_->mutex);
  return state_->count();
}

Result<std::shared_ptr<WorkerPool::Item>> WorkerPool::State::put(std::size_t bytes, Task task) {
  const base::MutexLock lock(mutex);
  if (draining) return base::unavailable("draining", config.name + ": takes no more work");
  const Counts now = count();
  const bool runs_at_once = now.running < config.concurrency;
  // Asked as a difference, the sum could wrap around.
  const bool too_heavy =
      bytes > config.queue_bytes_max - std::min(now.waiting_bytes, config.queue_bytes_max);
  if (!runs_at_once && (now.waiting >= config.queue_max || too_heavy)) {
    return Error(Code::ResourceExhausted, config.full_reason,
                 std::to_string(now.waiting) + " wait already (" +
                     std::to_string(now.waiting_bytes) + " bytes); try again later");
  }
  auto item = std::make_shared<Item>();
  item->bytes = bytes;
  item->task = std::move(task);
  item->place = line.insert(line.end(), item);
  line_bytes += bytes;
  call_one();
  return item;
}

void WorkerPool::State::call_one() {
  if (sleepers.empty()) return;
  Sleeper& last = *sleepers.back();
  sleepers.pop_back();
  last.awake = true;
  last.called.notify_one();
}

void WorkerPool::State::sleep() {
  Sleeper self;
  sleepers.push_back(&self);
  while (!self.awake) self.called.wait(mutex);
}

std::shared_ptr<WorkerPool::Item> WorkerPool::State::take() {
  const base::MutexLock lock(mutex);
  while (line.empty() && !stopping) sleep();
  if (line.empty()) return nullptr;
  std::shared_ptr<Item> item = std::move(line.front());
  line.pop_front();
  line_bytes -= item->bytes;
  item->waiting = false;
  ++running;
  return item;
}

void WorkerPool::State::finish() {
  const base::MutexLock lock(mutex);
  --running;
  if (running == 0 && line.empty()) empty.notify_all();
}

bool WorkerPool::State::remove(Item& item) {
  std::shared_ptr<Item> gone;  // destroyed after the lock is given back
  const base::MutexLock lock(mutex);
  if (!item.waiting) return false;
  gone = std::move(*item.place);
  line.erase(item.place);
  line_bytes -= item.bytes;
  item.waiting = false;
  if (running == 0 && line.empty()) empty.notify_all();
  return true;
}

void WorkerPool::State::run() {
  while (std::shared_ptr<Item> item = take()) {
    item->task();
    item->task = nullptr;  // its captures go before it stops counting as running
    item.reset();
    finish();
  }
}

std::list<std::shared_ptr<WorkerPool::Item>> WorkerPool::State::take_all() {
  for (const std::shared_ptr<Item>& item : line) item->waiting = false;
  line_bytes = 0;
  return std::exchange(line, {});
}

WorkerPool::Counts WorkerPool::State::count() const {
  const std::size_t free = config.concurrency - running;
  const std::size_t starting = std::min(free, line.size());
  std::size_t bytes = line_bytes;
  auto item = line.begin();
  for (std::size_t number = 0; number < starting; ++number, ++item) bytes -= (*item)->bytes;
  return {running + starting, line.size() - starting, bytes};
}

}  // namespace weir::server
