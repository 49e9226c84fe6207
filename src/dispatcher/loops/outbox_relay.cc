// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/outbox_relay.h"

#include <utility>
#include <vector>

#include "base/json.h"
#include "dispatcher/loops/limits.h"

namespace weir::dispatcher {
namespace {

/// The task that a wake-up's payload names; nothing if it is none of ours.
std::optional<TaskId> task_of(const OutboxRecord& row) {
  const auto payload = JsonDocument::parse(row.payload);
  if (!payload.ok()) return std::nullopt;
  const auto uuid = Uuid::parse(payload->root().find("task_id").text());
  return uuid ? std::optional<TaskId>(*uuid) : std::nullopt;
}

}  // namespace

OutboxRelay::OutboxRelay(OutboxRelayParts parts) : parts_(std::move(parts)) {}

OutboxRelay::~OutboxRelay() { stop(); }

void OutboxRelay::start() {
  thread_ = std::jthread([this] { run(); });
}

void OutboxRelay::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OutboxRelay::nudge() {
  const base::MutexLock lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

void OutboxRelay::run() {
  while (true) {
    {
      const base::MutexLock lock(mutex_);
      while (!nudged_ && !stopping_) changed_.wait(mutex_);
      // Who was told straight claims now; once it has, its rows go out without a message.
      const Duration until = parts_.clock.monotonic() + kToldWait;
      while (!stopping_ && !parts_.desk.told().empty()) {
        const Duration left = until - parts_.clock.monotonic();
        if (left <= Duration::zero()) break;
        changed_.wait_for(mutex_, left);
      }
      if (stopping_) return;
      nudged_ = false;
    }
    // What fails here is still in the outbox: the loops' next look nudges again.
    if (const auto sent = run_once(); !sent.ok()) {
      parts_.log.warning("the outbox waits", {{"reason", sent.error().reason()}});
    }
  }
}

Result<std::size_t> OutboxRelay::run_once() {
  std::size_t total = 0;
  while (true) {
    WEIR_TRY(HandedOver handed,
             parts_.outbox.hand_out(kRelayPage, parts_.desk.rooms(), parts_.desk.told()));
    if (handed.messages > handed.given.size()) parts_.desk.ring();
    if (!handed.given.empty()) parts_.desk.deliver(std::move(handed.given));
    total += handed.rows;
    bool more = handed.rows == kRelayPage;
    if (handed.others) {
      WEIR_TRY(const std::size_t sent, send_page());
      WEIR_TRY(const std::size_t told, parts_.outbox.publish_control_events(kRelayPage));
      if (told > 0 && parts_.events_published) parts_.events_published();
      total += sent + told;
      more = more || sent == kRelayPage || told == kRelayPage;
    }
    if (!more) return total;
  }
}

/// A page of rows that leave the database: each topic is sent and settled apart, so that one bad
/// row holds back no others.
Result<std::size_t> OutboxRelay::send_page() {
  WEIR_TRY(const std::vector<OutboxRecord> rows, parts_.outbox.take(kRelayPage));
  if (rows.empty()) return 0;
  std::vector<OutboxSettled> settled;
  for (const OutboxRecord& row : rows) {
    OutboxSettled& end = settled.emplace_back();
    end.outbox_id = row.outbox_id;
    end.locked_until = row.locked_until.value_or(Instant{});
    end.draw = parts_.random.next();
    const auto queue = parse_queue_name(row.topic);
    const auto task = task_of(row);
    if (!queue || !task) {
      end.error = "the row names no queue or no task";
      continue;
    }
    const WakeupMessage message{*queue, *task};
    if (const auto sent = parts_.queue.publish({&message, 1}); !sent.ok()) {
      end.error = sent.error().reason();
    }
  }
  WEIR_CHECK(parts_.outbox.settle(settled));
  parts_.desk.ring();
  return rows.size();
}

}  // namespace weir::dispatcher
