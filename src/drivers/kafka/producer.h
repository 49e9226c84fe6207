// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

namespace weir::kafka {

/// What became of a message.
struct Delivery {
  std::int64_t tag = 0;  ///< as send() was given it
  Result<void> outcome;  ///< Ok: every in-sync replica has it. DeadlineExceeded: it may be there
};

/// Writes messages: idempotent (the broker takes each once, in order a partition, however often
/// librdkafka repeats a request) and with `acks=all`. Equal keys go to one partition, the same that
/// Kafka's own clients take (murmur2). For one thread; nothing of ours runs on librdkafka's.
class Producer {
 public:
  /// Sends nothing yet. A message's whole time is `send_timeout`. `clock` outlives it.
  static Result<Producer> create(ClientOptions options, std::chrono::milliseconds send_timeout,
                                 Clock& clock);

  /// Queues a message; its report comes from reports(). RESOURCE_EXHAUSTED `kafka_queue_full` while
  /// kInFlightMax are under way. An error: there will be no report.
  Result<void> send(const std::string& topic, const std::string& key, const std::string& value,
                    std::int64_t tag);
  /// The reports there are; waits for the first up to `wait`. Every message has its report by its
  /// deadline, or as soon as this is called after that.
  std::vector<Delivery> reports(std::chrono::milliseconds wait);
  std::size_t in_flight() const { return in_flight_; }
  /// The session is broken for good, and nothing can be sent any more: make a new one.
  bool is_broken() const;

  Client& client() const { return *client_; }

 private:
  explicit Producer(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  std::unique_ptr<Client> client_;
  std::size_t in_flight_ = 0;
};

}  // namespace weir::kafka
