// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/consumer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "drivers/kafka/calls.h"
#include "drivers/kafka/limits.h"

namespace weir::kafka {
namespace {

using MessagePointer = Owned<rd_kafka_message_t, rd_kafka_message_destroy>;
using MetadataPointer = Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using TopicPointer = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;

/// librdkafka makes no consumer without a group; one that commits nothing is seen by no broker.
constexpr const char* kNoGroup = "weir";

std::string bytes_of(const void* data, std::size_t size) {
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Message message_of(const rd_kafka_message_t& raw) {
  Message message{.topic = rd_kafka_topic_name(raw.rkt),
                  .partition = raw.partition,
                  .offset = raw.offset,
                  .key = bytes_of(raw.key, raw.key_len),
                  .value = std::nullopt,
                  .timestamp_ms = rd_kafka_message_timestamp(&raw, nullptr)};
  if (raw.payload != nullptr) message.value = bytes_of(raw.payload, raw.len);
  return message;
}

Result<void> judge(rd_kafka_resp_err_t code, std::string_view attempted) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return client_error(code, attempted);
}

}  // namespace

Result<Consumer> Consumer::create(ConsumerOptions options, Clock& clock) {
  ClientOptions client = options.client;
  client.kind = ClientKind::Consumer;
  client.fixed["group.id"] = options.group.empty() ? kNoGroup : options.group;
  client.fixed["enable.auto.commit"] = "false";
  client.fixed["allow.auto.create.topics"] = "false";
  client.fixed["auto.offset.reset"] = options.start == StartFrom::Beginning ? "earliest" : "latest";
  client.properties.try_emplace("queued.max.messages.kbytes", kFetchedAheadKib);
  // What a transaction took back was never said.
  client.properties.try_emplace("isolation.level", "read_committed");
  WEIR_TRY(auto made, Client::create(client, clock));
  // What a consumer is told comes with its messages.
  rd_kafka_poll_set_consumer(made->handle());
  return Consumer(std::move(made), std::move(options));
}

Result<int> Consumer::partitions(const std::string& topic) const {
  const std::string attempted = "read the partitions of " + topic;
  const Deadline deadline(*client_);
  const TopicPointer handle(rd_kafka_topic_new(client_->handle(), topic.c_str(), nullptr));
  if (!handle) return client_error(rd_kafka_last_error(), attempted);
  for (int tries = 1;; ++tries) {
    const rd_kafka_metadata_t* read = nullptr;
    WEIR_CHECK(
        judge(rd_kafka_metadata(client_->handle(), 0, handle.get(), &read, deadline.milliseconds()),
              attempted));
    const MetadataPointer metadata(read);
    auto code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (metadata->topic_cnt == 1) code = metadata->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return metadata->topics[0].partition_cnt;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return Error(Code::NotFound, "kafka_topic_unknown",
                   "there is no topic " + topic + " on this cluster");
    }
    if (!is_without_leader(code) || tries == kLeaderTries) return client_error(code, attempted);
    deadline.sleep_for(kLeaderWait);
  }
}

Result<void> Consumer::open(const std::string& topic) {
  const std::string attempted = "read " + topic;
  WEIR_TRY(const int count, partitions(topic));
  const Partitions wanted(rd_kafka_topic_partition_list_new(count));
  if (!options_.group.empty()) {
    rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    return judge(rd_kafka_subscribe(client_->handle(), wanted.get()), attempted);
  }
  for (int partition = 0; partition < count; ++partition) {
    rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), partition)->offset =
        options_.start == StartFrom::Beginning ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
  }
  return judge(rd_kafka_assign(client_->handle(), wanted.get()), attempted);
}

Result<std::optional<Message>> Consumer::next(std::chrono::milliseconds wait) {
  const Clock& clock = client_->clock();
  const Duration until = clock.monotonic() + wait;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - clock.monotonic()).count();
    const auto turn = std::clamp<std::int64_t>(left, 0, kPollWait.count());
    const MessagePointer raw(rd_kafka_consumer_poll(client_->handle(), static_cast<int>(turn)));
    if (raw && raw->err == RD_KAFKA_RESP_ERR_NO_ERROR) return std::optional(message_of(*raw));
    if (raw && !passes_by(raw->err)) {
      return client_error(raw->err, "read messages", rd_kafka_message_errstr(raw.get()));
    }
    if (left <= 0) return std::optional<Message>();
  }
}

Result<void> Consumer::commit() const {
  if (options_.group.empty()) return {};
  const auto code = rd_kafka_commit(client_->handle(), nullptr, 0);
  if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) return {};
  return judge(code, "commit offsets");
}

}  // namespace weir::kafka
