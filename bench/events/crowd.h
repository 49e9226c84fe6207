// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace weir::bench {

/// Seconds of the steady clock.
double steady_seconds();

/// When events were sent, by their numbers, which rise from `first`.
class SentTimes {
 public:
  SentTimes(std::int64_t first, std::size_t count) : first_(first), times_(count) {}

  /// Before the event with this number is sent.
  void mark(std::int64_t number) { times_[place(number)] = steady_seconds(); }
  double at(std::int64_t number) const { return times_[place(number)]; }
  bool has(std::int64_t number) const { return number >= first_ && place(number) < count(); }
  std::size_t place(std::int64_t number) const { return static_cast<std::size_t>(number - first_); }
  std::size_t count() const { return times_.size(); }

 private:
  const std::int64_t first_;
  std::vector<std::atomic<double>> times_;
};

/// What a crowd is to read.
struct CrowdWanted {
  int port = 0;
  std::size_t readers = 0;
  std::size_t silent = 0;    ///< beside them: they ask and never read
  std::string request = {};  ///< sent by each after it connects; empty: nothing is asked
  std::string silent_request = {};
};

/// Readers of one stream of server-sent events on loopback, all of them on one thread that does
/// nothing else. Each notes how long an event took from when it was sent until its `id:` was read.
class Crowd {
 public:
  /// Connects all; waits until each reader was answered. `sent` outlives the crowd.
  static Result<std::unique_ptr<Crowd>> gather(const CrowdWanted& wanted, const SentTimes& sent);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// Waits until every reader had the event; then gives the milliseconds of every reader and event
  /// since the last call. UNAVAILABLE if that takes longer, or a reader was cut off.
  Result<std::vector<double>> take(std::int64_t number, double seconds_max) WEIR_EXCLUDES(mutex_);

 private:
  struct Reader {
    int socket = -1;
    std::string text;  // what is not searched yet
    bool answered = false;
  };

  explicit Crowd(const SentTimes& sent) : sent_(sent), had_(sent.count()) {}
  Result<void> connect(const CrowdWanted& wanted);
  void run();
  bool read(Reader& reader);
  void search(Reader& reader) WEIR_EXCLUDES(mutex_);

  const SentTimes& sent_;
  std::vector<Reader> readers_;
  std::vector<int> silent_;
  int poller_ = -1;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> answered_ = 0;
  std::atomic<std::size_t> lost_ = 0;          // readers whose connection ended
  std::vector<std::atomic<std::size_t>> had_;  // readers that had an event, by its place
  base::Mutex mutex_;
  std::vector<double> milliseconds_ WEIR_GUARDED_BY(mutex_);
  std::vector<char> buffer_ = std::vector<char>(65536);
};

}  // namespace weir::bench
