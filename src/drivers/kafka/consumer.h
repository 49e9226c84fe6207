// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

namespace weir::kafka {

/// A message as the broker keeps it.
struct Message {
  std::string topic;
  int partition = 0;
  std::int64_t offset = 0;
  std::string key;
  std::optional<std::string> value;  ///< nothing: a tombstone
  std::int64_t timestamp_ms = 0;     ///< -1: it has none
};

/// Where a reader without a committed offset begins.
enum class StartFrom : std::uint8_t { Beginning, End };

struct ConsumerOptions {
  ClientOptions client = {};
  std::string group = {};  ///< empty: every partition is read, and nothing is committed
  StartFrom start = StartFrom::Beginning;
};

/// Reads topics, as far as transactions are committed. Not for several threads at once. Each call
/// waits on the caller's thread, up to the client's `call_timeout`; errors are client_error's.
class Consumer {
 public:
  /// Sends nothing yet. `clock` outlives it.
  static Result<Consumer> create(ConsumerOptions options, Clock& clock);

  /// How many partitions a topic has; NOT_FOUND `kafka_topic_unknown` if the asked broker knows
  /// none of that name.
  Result<int> partitions(const std::string& topic) const;

  /// From now on next() gives this topic's messages: those of the group's share of its partitions,
  /// from where the group was, or without a group those of all that it has now.
  Result<void> open(const std::string& topic);
  /// The next message; nothing if none came within `wait`. Faults that pass by themselves, a leader
  /// that moves or a broker that is away, are waited for.
  Result<std::optional<Message>> next(std::chrono::milliseconds wait);
  /// Tells the group that everything next() has given is done with. Without one it does nothing.
  Result<void> commit() const;

 private:
  Consumer(std::unique_ptr<Client> client, ConsumerOptions options)
      : client_(std::move(client)), options_(std::move(options)) {}

  std::unique_ptr<Client> client_;
  ConsumerOptions options_;
};

}  // namespace weir::kafka
