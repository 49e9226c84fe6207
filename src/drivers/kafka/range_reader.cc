// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/range_reader.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "drivers/kafka/calls.h"
#include "drivers/kafka/limits.h"

namespace weir::kafka {
namespace {

using ReadOne = Owned<rd_kafka_message_t, rd_kafka_message_destroy>;
using TopicHandle = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;

struct ReaderSetting {
  const char* name;
  const char* value;
};
/// Offsets that are not there any more are passed over; the rest keeps what is fetched ahead small.
constexpr std::array kReaderSettings = {
    ReaderSetting{"enable.partition.eof", "true"},
    ReaderSetting{"auto.offset.reset", "earliest"},
    ReaderSetting{"isolation.level", "read_committed"},
    ReaderSetting{"queued.min.messages", "1000"},
    ReaderSetting{"queued.max.messages.kbytes", "16384"},
    ReaderSetting{"fetch.wait.max.ms", "100"},
};

std::optional<std::string> text_or_none(const void* bytes, std::size_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(bytes), size);
}

ReadMessage read_message(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  return {.offset = message.offset,
          .timestamp_ms = rd_kafka_message_timestamp(&message, &type),
          .key = text_or_none(message.key, message.key_len),
          .value = text_or_none(message.payload, message.len)};
}

Error read_error(rd_kafka_resp_err_t code) { return client_error(code, "read a topic"); }

}  // namespace

Result<std::unique_ptr<RangeReader>> RangeReader::create(Client& client) {
  Owned<rd_kafka_conf_t, rd_kafka_conf_destroy> conf(
      rd_kafka_conf_dup(rd_kafka_conf(client.handle())));
  std::array<char, kReasonBytesMax> why{};
  for (const ReaderSetting& one : kReaderSettings) {
    if (rd_kafka_conf_set(conf.get(), one.name, one.value, why.data(), why.size()) !=
        RD_KAFKA_CONF_OK) {
      return base::invalid_argument(std::string(kBadSetting), why.data());
    }
  }
  rd_kafka_t* handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why.data(), why.size());
  if (handle == nullptr) return base::invalid_argument(std::string(kBadSetting), why.data());
  static_cast<void>(conf.release());  // the handle's now
  return std::unique_ptr<RangeReader>(new RangeReader(handle, client));
}

RangeReader::~RangeReader() {
  end_reading();
  rd_kafka_destroy(handle_);
}

void RangeReader::end_reading() {
  if (open_ == nullptr) return;
  rd_kafka_consume_stop(open_, at_.partition);
  rd_kafka_topic_destroy(std::exchange(open_, nullptr));
}

Result<void> RangeReader::begin(const PartitionSpan& span) {
  const bool goes_on = open_ != nullptr && at_.topic == span.topic &&
                       at_.partition == span.partition && at_.from == span.from;
  if (goes_on) return {};
  end_reading();
  open_ = rd_kafka_topic_new(handle_, span.topic.c_str(), nullptr);
  if (open_ == nullptr) return read_error(rd_kafka_last_error());
  at_ = span;
  if (rd_kafka_consume_start(open_, span.partition, span.from) != 0) {
    const auto failed = rd_kafka_last_error();
    rd_kafka_topic_destroy(std::exchange(open_, nullptr));
    return read_error(failed);
  }
  return {};
}

Result<std::vector<ReadMessage>> RangeReader::read(const PartitionSpan& span, std::size_t limit) {
  std::vector<ReadMessage> messages;
  if (span.from >= span.end) return messages;
  const Deadline deadline(client_);
  WEIR_CHECK(begin(span));
  const auto fail = [&](Error error) {
    end_reading();
    return error;
  };
  while (messages.size() < limit) {
    const int left = deadline.milliseconds();
    const ReadOne got(rd_kafka_consume(open_, span.partition, left));
    if (!got) {
      if (deadline.milliseconds() > 1) continue;
      if (!messages.empty()) return messages;
      return fail(read_error(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    if (got->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      // What is not committed ends what can be read, and lies before the end.
      if (got->offset >= span.end) {
        end_reading();
        return messages;
      }
      end_reading();  // it is said once: who reads on is to hear it again
      if (!messages.empty()) return messages;
      return fail(base::failed_precondition(
          "kafka_transaction_open",
          span.topic + " holds messages that may still be taken back, from offset " +
              std::to_string(got->offset)));
    }
    if (got->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (passes_by(got->err) && deadline.milliseconds() > 1) continue;
      return fail(read_error(got->err));
    }
    if (got->offset >= span.end) {
      end_reading();
      return messages;
    }
    if (got->offset < at_.from) {
      return fail(
          Error(Code::DataLoss, "kafka_offsets_moved",
                span.topic + " does not have offset " + std::to_string(at_.from) + " any more"));
    }
    messages.push_back(read_message(*got));
    at_.from = got->offset + 1;
  }
  return messages;
}

Result<std::vector<std::optional<std::int64_t>>> RangeReader::first_times(
    std::span<const PartitionSpan> spans) {
  end_reading();
  std::vector<std::optional<std::int64_t>> times(spans.size());
  for (std::size_t from = 0; from < spans.size(); from += kPartitionsReadAtOnce) {
    const std::size_t count = std::min(kPartitionsReadAtOnce, spans.size() - from);
    WEIR_CHECK(first_times_of(spans.subspan(from, count), std::span(times).subspan(from, count)));
  }
  return times;
}

Result<void> RangeReader::first_times_of(std::span<const PartitionSpan> spans,
                                         std::span<std::optional<std::int64_t>> times) {
  const Deadline deadline(client_);
  const EventQueue queue(rd_kafka_queue_new(handle_));
  std::vector<TopicHandle> topics;
  for (const PartitionSpan& span : spans) {
    TopicHandle topic(rd_kafka_topic_new(handle_, span.topic.c_str(), nullptr));
    const bool begun = topic && rd_kafka_consume_start_queue(topic.get(), span.partition, span.from,
                                                             queue.get()) == 0;
    topics.push_back(begun ? std::move(topic) : nullptr);
  }
  std::vector<bool> seen(spans.size());
  std::size_t waiting = 0;
  for (std::size_t at = 0; at < spans.size(); ++at) {
    seen[at] = topics[at] == nullptr;
    waiting += seen[at] ? 0 : 1;
  }
  const auto place_of = [&](const rd_kafka_message_t& got) {
    const std::string_view name = rd_kafka_topic_name(got.rkt);
    std::size_t at = 0;
    while (at < spans.size() && (spans[at].partition != got.partition || spans[at].topic != name)) {
      ++at;
    }
    return at;
  };
  while (waiting > 0 && deadline.milliseconds() > 1) {
    const ReadOne got(rd_kafka_consume_queue(queue.get(), deadline.milliseconds()));
    if (!got || got->rkt == nullptr || passes_by(got->err)) continue;
    const std::size_t at = place_of(*got);
    if (at == spans.size() || seen[at]) continue;
    seen[at] = true;
    --waiting;
    if (got->err == RD_KAFKA_RESP_ERR_NO_ERROR && got->offset < spans[at].end) {
      times[at] = read_message(*got).timestamp_ms;
    }
  }
  for (std::size_t at = 0; at < spans.size(); ++at) {
    if (topics[at]) rd_kafka_consume_stop(topics[at].get(), spans[at].partition);
  }
  if (waiting > 0) return read_error(RD_KAFKA_RESP_ERR__TIMED_OUT);
  return {};
}

}  // namespace weir::kafka
