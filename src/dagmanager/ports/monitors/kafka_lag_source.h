// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/monitors/lag_source.h"
#include "drivers/kafka/admin.h"
#include "drivers/kafka/groups.h"
#include "drivers/kafka/range_reader.h"

namespace weir::dagmanager {

/// LagSource of a Kafka cluster: readers are consumer groups, and what they have read is what they
/// have committed. A group that was left keeps its offsets, and so its lag, until the broker or
/// somebody deletes it.
class KafkaLagSource final : public LagSource {
 public:
  explicit KafkaLagSource(std::shared_ptr<kafka::Client> client)
      : client_(std::move(client)), admin_(*client_), groups_(*client_) {}

  Result<std::vector<std::optional<Duration>>> lags(std::span<const graph::TopicName> topics,
                                                    Instant now) override;

 private:
  /// The least offset that some group goes on at, by topic and partition.
  using Positions = std::map<std::string, std::map<int, std::int64_t>, std::less<>>;

  Result<Positions> positions(std::span<const graph::TopicName> topics);
  Result<std::vector<kafka::PartitionSpan>> unread(const Positions& positions,
                                                   std::map<std::string, Duration>& lags);
  Result<std::map<std::string, Duration>> read_lags(const Positions& positions, Instant now);

  const std::shared_ptr<kafka::Client> client_;
  const kafka::Admin admin_;
  const kafka::Groups groups_;
  std::unique_ptr<kafka::RangeReader> reader_;  // null: not needed yet
};

}  // namespace weir::dagmanager
