// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/listener.h"

namespace weir::bench {

/// The least that telling can be: waits for a notification, and sends as many bytes as an event has
/// to every socket that is connected. It reads nothing from the database and knows no reader's
/// place.
class BareFanout {
 public:
  static constexpr const char* kChannel = "bench_bare";

  /// `block_bytes`: of an event. Its numbers begin with `first`; `sent` counts those committed.
  static Result<std::unique_ptr<BareFanout>> start(const std::string& dsn, std::size_t block_bytes,
                                                   std::int64_t first);
  ~BareFanout();
  BareFanout(const BareFanout&) = delete;
  BareFanout& operator=(const BareFanout&) = delete;

  int port() const { return port_; }
  /// Takes this many connections, then begins to tell.
  void admit(std::size_t count);
  /// One more event is about to be committed.
  void count_one() { ++counted_; }

 private:
  BareFanout(std::unique_ptr<postgres::Listener> listener, std::size_t block_bytes,
             std::int64_t first)
      : listener_(std::move(listener)), block_bytes_(block_bytes), next_(first), counted_(first) {}
  void run();
  void tell(std::int64_t number);

  std::unique_ptr<postgres::Listener> listener_;
  const std::size_t block_bytes_;
  std::int64_t next_;                  // the thread's own
  std::atomic<std::int64_t> counted_;  // one above the last number
  int listening_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::vector<int> sockets_;
  std::thread thread_;
};

}  // namespace weir::bench
