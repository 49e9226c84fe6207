// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "dagmanager/ports/topics/topic_rights_store.h"
#include "drivers/kafka/acls.h"

namespace weir::dagmanager {

/// TopicRightsStore over the ACLs of a Kafka cluster.
class KafkaTopicRights final : public TopicRightsStore {
 public:
  explicit KafkaTopicRights(std::shared_ptr<kafka::Client> client)
      : client_(std::move(client)), acls_(*client_) {}

  Result<std::vector<TopicRight>> list() override;
  Result<void> grant(std::span<const TopicRight> rights) override;
  Result<void> revoke(std::span<const TopicRight> rights) override;
  Result<void> revoke_all(std::span<const graph::TopicName> topics) override;

 private:
  std::shared_ptr<kafka::Client> client_;
  kafka::Acls acls_;
};

}  // namespace weir::dagmanager
