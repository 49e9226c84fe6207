// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/topic_admin.h"
#include "drivers/kafka/admin.h"

namespace weir::dagmanager {

/// TopicAdmin over Kafka or Redpanda (contract section 3.7). What the controller has made each
/// broker's metadata show some time later: `look` may miss it, and whoever verifies looks again.
/// `retention.ms` of a shape is always set, `cleanup.policy` where the shape has one; a policy that
/// nobody set is seen as none.
class KafkaTopicAdmin final : public TopicAdmin {
 public:
  /// `broker_unavailable` is of calls; this fails with INVALID_ARGUMENT `kafka_setting_invalid`.
  /// `clock` outlives it.
  static Result<std::unique_ptr<KafkaTopicAdmin>> open(const kafka::ClientOptions& options,
                                                       Clock& clock);

  /// Hears of the first topic that a call could not make, and the broker's words why: too few
  /// brokers, say. The answers have no words.
  using NotMade = std::function<void(const graph::TopicName&, const std::string&)>;

  explicit KafkaTopicAdmin(std::shared_ptr<kafka::Client> client, NotMade not_made = {})
      : client_(std::move(client)), admin_(*client_), not_made_(std::move(not_made)) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override;
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override;
  Result<void> ping() override;

 private:
  Result<std::vector<TopicSeen>> shapes_of(const std::vector<kafka::Topic>& topics) const;

  std::shared_ptr<kafka::Client> client_;
  kafka::Admin admin_;
  NotMade not_made_;
};

}  // namespace weir::dagmanager
