// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dagmanager/ports/topic_admin.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// When made topics reach the disk.
enum class TopicSync : std::uint8_t {
  OnCreate,   ///< before create() returns
  WithGraph,  ///< with the change of the graph that binds them: for a registry in the graph's own
              ///< database. Intents, topics and the change come in this order in one write-ahead
              ///< log, and the change's commit waits until the log is on the disk up to its end. A
              ///< power cut before it cuts the log somewhere: what is left of the topics always has
              ///< its intents, and nobody was told of what is gone. An fsync less a diff
};

/// TopicAdmin without a broker: a registry of topics in PostgreSQL, for installations whose queues
/// are not on Kafka. Its tables know nothing of the graph and may be in another database. A topic
/// holds no messages. A call whose commit is in doubt is `broker_unavailable`, like one that never
/// arrived: creating is safe to repeat.
class PostgresTopicAdmin final : public TopicAdmin {
 public:
  /// The schema must be prepared (prepare_topic_schema). The pool outlives the admin.
  explicit PostgresTopicAdmin(postgres::Pool& pool, TopicSync sync = TopicSync::OnCreate)
      : pool_(pool), sync_(sync) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override;
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override;
  Result<void> ping() override;

 private:
  postgres::Pool& pool_;
  const TopicSync sync_;
};

}  // namespace weir::dagmanager
