// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "drivers/kafka/calls.h"
#include "drivers/kafka/limits.h"

namespace weir::kafka {
namespace {

struct RefusalDestroy {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using Refusal = std::unique_ptr<rd_kafka_error_t, RefusalDestroy>;

/// The tag goes along as the message's opaque pointer, which librdkafka never looks into.
void* pointer_of(std::int64_t tag) {
  return reinterpret_cast<void*>(tag);  // NOLINT(performance-no-int-to-ptr)
}
std::int64_t tag_of(const void* pointer) { return reinterpret_cast<std::intptr_t>(pointer); }

Result<void> outcome_of(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return client_error(message.err, "send a message");
}

}  // namespace

Result<Producer> Producer::create(ClientOptions options, std::chrono::milliseconds send_timeout,
                                  Clock& clock) {
  options.kind = ClientKind::Producer;
  options.fixed["enable.idempotence"] = "true";
  options.fixed["acks"] = "all";
  options.fixed["message.timeout.ms"] = std::to_string(send_timeout.count());
  options.fixed["queue.buffering.max.messages"] = std::to_string(kInFlightMax);
  options.fixed["partitioner"] = "murmur2_random";
  options.properties.try_emplace("linger.ms", kLingerMilliseconds);
  WEIR_TRY(auto client, Client::create(options, clock));
  return Producer(std::move(client));
}

Result<void> Producer::send(const std::string& topic, const std::string& key,
                            const std::string& value, std::int64_t tag) {
  // Of C, and without const; key and value are copied.
  const auto bytes_of = [](const std::string& text) {
    return const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  };
  std::array<rd_kafka_vu_t, 5> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  parts[1].u.mem.ptr = bytes_of(key);
  parts[1].u.mem.size = key.size();
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem.ptr = bytes_of(value);
  parts[2].u.mem.size = value.size();
  parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[3].u.i = RD_KAFKA_MSG_F_COPY;
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = pointer_of(tag);
  const Refusal refused(rd_kafka_produceva(client_->handle(), parts.data(), parts.size()));
  const auto code = refused ? rd_kafka_error_code(refused.get()) : RD_KAFKA_RESP_ERR_NO_ERROR;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++in_flight_;
    return {};
  }
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return Error(Code::ResourceExhausted, "kafka_queue_full", "too many messages are under way");
  }
  return client_error(code, "send a message");
}

std::vector<Delivery> Producer::reports(std::chrono::milliseconds wait) {
  std::vector<Delivery> found;
  const EventQueue queue(rd_kafka_queue_get_main(client_->handle()));
  auto left = static_cast<int>(wait.count());
  while (const Event event{rd_kafka_queue_poll(queue.get(), left)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const auto* message = rd_kafka_event_message_next(event.get())) {
      found.push_back({.tag = tag_of(message->_private), .outcome = outcome_of(*message)});
    }
    left = 0;
  }
  in_flight_ -= std::min(in_flight_, found.size());
  return found;
}

bool Producer::is_broken() const {
  std::array<char, kReasonBytesMax> why{};
  return rd_kafka_fatal_error(client_->handle(), why.data(), why.size()) !=
         RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace weir::kafka
