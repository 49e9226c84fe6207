// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "dagmanager/core/ack_window.h"

namespace weir::dagmanager {

/// What a stream is told about its acknowledgements. Called without locks held, from any thread.
class AckListener {
 public:
  virtual ~AckListener() = default;
  /// It may be able to send again.
  virtual void released() = 0;
  /// Its client stopped acknowledging; the stream is not registered any more.
  virtual void timed_out() = 0;
};

/// The acknowledgement windows of this instance's streams (core/ack_window.h), made safe for many
/// threads, with one timer thread that sleeps until something is due.
class AckRegistry {
 public:
  AckRegistry(const Clock& clock, Duration timeout);
  ~AckRegistry();
  AckRegistry(const AckRegistry&) = delete;
  AckRegistry& operator=(const AckRegistry&) = delete;

  void start();
  /// Ends the timer; streams are told nothing more. Safe twice and before start.
  void stop();

  StreamId open(const graph::SentinelId& sentinel, const std::string& connection,
                std::weak_ptr<AckListener> listener);
  /// Takes a place in the window for `chunk`, if there is one. `last` ends the stream with it.
  bool try_send(StreamId stream, std::uint32_t chunk, bool last);
  void cancelled(StreamId stream);
  /// False if no stream here is meant.
  bool acknowledged(const graph::SentinelId& sentinel, const std::string& connection,
                    std::uint32_t chunk);

  std::size_t open_streams() const;
  /// Waits until no stream is open, at most `span`; true if so.
  bool wait_until_idle(Duration span);

 private:
  using Listeners = std::vector<std::shared_ptr<AckListener>>;

  void run_timer();
  Listeners take(const std::vector<StreamId>& streams, bool forget) WEIR_REQUIRES(mutex_);

  const Clock& clock_;
  mutable base::Mutex mutex_;
  base::CondVar due_changed_;
  base::CondVar stream_ended_;
  AckWindows windows_ WEIR_GUARDED_BY(mutex_);
  std::map<StreamId, std::weak_ptr<AckListener>> listeners_ WEIR_GUARDED_BY(mutex_);
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread timer_;
};

}  // namespace weir::dagmanager
