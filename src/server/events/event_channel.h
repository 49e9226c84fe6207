// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/events/event_log.h"
#include "server/events/event_request.h"
#include "server/http/http_responder.h"

namespace weir::server {

/// The readers of one stream. New events are read from the log once for all of them and are kept
/// until they take kEventRecentBytes; from there each reader takes them at its own pace. One that
/// starts further back reads the log for itself until it has caught up. One thread at a time.
class EventChannel {
 public:
  /// `room` is called, from any thread, when a reader that had no room has some again.
  EventChannel(EventLog& log, std::string name, std::function<void()> room)
      : log_(log), name_(std::move(name)), room_(std::move(room)) {}

  /// Finds where the stream is. Once, before the rest.
  Result<void> open();
  void add(EventRequest request, BodyWriter writer);
  /// Takes from the log what is new.
  Result<void> read_on();
  /// Gives each reader what it has room for. A reader that has gone is forgotten; one that was
  /// caught up and now lies behind what is kept here is cut off. `log_reads`: how often the log may
  /// be asked for those that lie behind; what is left of it stays in there. True if all have what
  /// there is, or no room.
  Result<bool> deliver(std::size_t& log_reads);
  /// A comment line to each, so that whoever is between does not take the silence for an end.
  void beat();
  /// Ends all answers.
  void finish();

  std::size_t readers() const { return readers_.size(); }

 private:
  struct Reader {
    EventRequest request;
    BodyWriter writer;
    std::int64_t next = 0;   // the first number it has not been given
    bool caught_up = false;  // it has been given everything once
    bool told_so = false;    // and has been told
    std::shared_ptr<std::atomic<bool>> waits = std::make_shared<std::atomic<bool>>(false);
  };
  struct Recent {
    StreamEvent event;
    std::string block;
  };
  /// What a reader is given at once, and what comes after it.
  struct Batch {
    std::int64_t next = 0;
    std::string block = {};
  };
  enum class Outcome : std::uint8_t { UpToDate, Behind, Gone };

  std::int64_t first_recent() const {
    return head_ + 1 - static_cast<std::int64_t>(recent_.size());
  }
  Result<Outcome> deliver(Reader& reader, std::size_t& log_reads);
  Batch take_recent(const Reader& reader) const;
  Result<Batch> take_logged(const Reader& reader);
  /// A comment line where a reader has all there is for the first time: who wants no more than that
  /// can leave.
  static void say_caught_up(Reader& reader);
  /// False if it has gone.
  bool give(Reader& reader, Batch batch);
  void forget_old();
  void drop_recent();

  EventLog& log_;
  std::string name_;
  std::function<void()> room_;
  std::list<Reader> readers_;
  std::int64_t head_ = 0;  // the last number read here
  std::deque<Recent> recent_;
  std::size_t recent_bytes_ = 0;
};

}  // namespace weir::server
