// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace weir::server {

struct WorkerPoolConfig {
  std::string name = "worker";  // of the threads, at most 15 letters, and in messages
  std::size_t concurrency = 1;  // tasks that run at once: the number of threads
  std::size_t queue_max = 256;  // tasks that wait
  std::size_t queue_bytes_max = std::size_t{64} << 20;  // what the waiting ones weigh together
  std::string full_reason = "overloaded";               // reason word of a refusal

  Result<void> validate() const;
};

/// A fixed number of threads over one bounded line, first come, first served. Any thread may call.
/// Threads without work sleep until there is some.
class WorkerPool {
 public:
  /// Runs once, on a worker thread; must not throw. Destroyed on the worker thread, or where it
  /// was abandoned.
  using Task = std::move_only_function<void()>;

  struct Counts {
    std::size_t running = 0;
    std::size_t waiting = 0;
    std::size_t waiting_bytes = 0;
  };

 private:
  struct State;
  struct Item;
  struct Sleeper;

 public:
  /// A submitted task, for the caller that may give up on it. Copies mean the same task; dropping a
  /// ticket changes nothing. May outlive the pool.
  class Ticket {
   public:
    /// True if the task was still waiting: it is gone and will never run. False if it runs, ran or
    /// was abandoned before.
    bool abandon();

   private:
    friend class WorkerPool;
    Ticket(std::weak_ptr<State> pool, std::weak_ptr<Item> item)
        : pool_(std::move(pool)), item_(std::move(item)) {}
    std::weak_ptr<State> pool_;
    std::weak_ptr<Item> item_;
  };

  static Result<std::unique_ptr<WorkerPool>> create(WorkerPoolConfig config);
  /// Stops.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  Result<void> start();

  /// Puts a task of that weight at the end of the line. RESOURCE_EXHAUSTED with the configured
  /// reason if the line is full by number or weight; UNAVAILABLE `draining` once it drains.
  Result<Ticket> submit(std::size_t bytes, Task task);

  /// Takes nothing more and waits, at most `span`, until everything submitted has run. What still
  /// waits then is abandoned; what runs goes on. True if all ran. Safe twice.
  bool drain(Duration span);

  /// Abandons what waits, lets what runs end, and joins the threads. Safe twice and before start.
  /// Not from a task.
  void stop();

  Counts counts() const;

 private:
  explicit WorkerPool(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace weir::server
