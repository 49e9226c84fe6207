// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

struct rd_kafka_topic_s;

namespace weir::kafka {

/// A message as a consumer gets it, without its headers.
struct ReadMessage {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;  ///< -1: it has none
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};  ///< nothing: a tombstone
};

/// A place in a partition, up to before `end`.
struct PartitionSpan {
  std::string topic;
  int partition = 0;
  std::int64_t from = 0;
  std::int64_t end = 0;
};

/// Reads stretches of partitions, of what was committed; in no consumer group, and remembering
/// nothing at the broker. One caller at a time; errors are client_error's.
class RangeReader {
 public:
  /// With the settings of a client, which outlives it. Sends nothing yet.
  static Result<std::unique_ptr<RangeReader>> create(Client& client);
  ~RangeReader();
  RangeReader(const RangeReader&) = delete;
  RangeReader& operator=(const RangeReader&) = delete;

  /// Messages by offset, at most `limit`, each offset at most once; none: there are none left in
  /// the span, whatever offsets it has. FAILED_PRECONDITION `kafka_transaction_open` where the span
  /// holds what may still be taken back. Goes on where the last call ended if that is `span.from`.
  Result<std::vector<ReadMessage>> read(const PartitionSpan& span, std::size_t limit);

  /// When the first message of each span was written, in milliseconds; nothing where there is none.
  /// All are asked for at once.
  Result<std::vector<std::optional<std::int64_t>>> first_times(
      std::span<const PartitionSpan> spans);

 private:
  RangeReader(rd_kafka_s* handle, Client& client) : handle_(handle), client_(client) {}

  Result<void> begin(const PartitionSpan& span);
  void end_reading();
  Result<void> first_times_of(std::span<const PartitionSpan> spans,
                              std::span<std::optional<std::int64_t>> times);

  rd_kafka_s* const handle_;
  Client& client_;
  rd_kafka_topic_s* open_ = nullptr;  // the partition that is being read
  PartitionSpan at_;                  // and where
};

}  // namespace weir::kafka
