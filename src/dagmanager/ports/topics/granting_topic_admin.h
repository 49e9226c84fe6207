// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/topic_rights_store.h"

namespace weir::dagmanager {

/// A TopicAdmin that gives rights on each topic it makes, and takes all there are with each that it
/// deletes (contract section 3.25). A topic that was made and whose rights were not given, for the
/// process or the broker went, has them from the reconciler's next pass; one that was deleted
/// counts as there until its rights are gone too, so that whoever deletes it asks again.
class GrantingTopicAdmin final : public TopicAdmin {
 public:
  /// Told of what could not be given; the topics are there all the same.
  using Missed = std::function<void(const Error&)>;

  /// `rights` outlives it.
  GrantingTopicAdmin(std::unique_ptr<TopicAdmin> inner, TopicRightsStore& rights, TopicAcls acls,
                     Missed missed)
      : inner_(std::move(inner)),
        rights_(rights),
        acls_(std::move(acls)),
        missed_(std::move(missed)) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;

  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    return inner_->look(topics);
  }
  Result<std::vector<TopicSeen>> list() override { return inner_->list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return inner_->sizes(topics);
  }
  Result<int> broker_count() override { return inner_->broker_count(); }
  Result<void> admits() override { return inner_->admits(); }
  Result<void> ping() override { return inner_->ping(); }

 private:
  std::unique_ptr<TopicAdmin> inner_;
  TopicRightsStore& rights_;
  const TopicAcls acls_;
  const Missed missed_;
};

}  // namespace weir::dagmanager
