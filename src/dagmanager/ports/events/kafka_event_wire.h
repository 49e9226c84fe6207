// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/events/event_wire.h"
#include "drivers/kafka/client.h"
#include "drivers/kafka/producer.h"

namespace weir::dagmanager {

/// EventWire to a Kafka or Redpanda cluster (contract section 1.4): the envelope as the value,
/// without headers, `acks=all`. The topics of the events are made compacted, with a day's
/// retention, where they are missing.
class KafkaEventWire final : public EventWire {
 public:
  /// Sends nothing yet; INVALID_ARGUMENT `kafka_setting_invalid`. `clock` outlives it.
  static Result<std::unique_ptr<KafkaEventWire>> open(kafka::ClientOptions options,
                                                      std::string queue_topic, Clock& clock);

  Result<void> prepare() override;
  Result<void> send(std::int64_t number, const ControlEvent& event) override;
  std::vector<SendOutcome> outcomes(Duration wait) override;
  Result<void> ping() override;

 private:
  KafkaEventWire(kafka::ClientOptions options, std::string queue_topic, Clock& clock,
                 std::unique_ptr<kafka::Client> client)
      : options_(std::move(options)),
        queue_topic_(std::move(queue_topic)),
        clock_(clock),
        client_(std::move(client)) {}

  const kafka::ClientOptions options_;
  const std::string queue_topic_;
  Clock& clock_;
  std::unique_ptr<kafka::Client> client_;    // for questions
  std::optional<kafka::Producer> producer_;  // made anew when it breaks
  bool prepared_ = false;
};

}  // namespace weir::dagmanager
