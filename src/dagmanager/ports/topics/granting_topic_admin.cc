// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/granting_topic_admin.h"

#include "base/crash_point.h"

namespace weir::dagmanager {

Result<std::vector<CreateAnswer>> GrantingTopicAdmin::create(std::span<const TopicSpec> topics) {
  WEIR_TRY(auto answers, inner_->create(topics));
  std::vector<TopicRight> rights;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    const bool made =
        answers[at] == CreateAnswer::Created || answers[at] == CreateAnswer::CreatedAndSeen;
    if (!made) continue;  // what was there before may be another's
    const auto wanted = rights_on(acls_, topics[at].topic);
    rights.insert(rights.end(), wanted.begin(), wanted.end());
  }
  if (rights.empty()) return answers;
  WEIR_CRASH_POINT("topics.before_grant");
  const auto granted = rights_.grant(rights);
  if (!granted.ok() && missed_) missed_(granted.error());
  return answers;
}

Result<std::vector<bool>> GrantingTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  WEIR_TRY(auto gone, inner_->remove(topics));
  std::vector<graph::TopicName> left;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    if (gone[at]) left.push_back(topics[at]);
  }
  if (left.empty()) return gone;
  WEIR_CRASH_POINT("topics.before_revoke");
  const auto revoked = rights_.revoke_all(left);
  // Where nobody keeps rights there are none.
  if (!revoked.ok() && revoked.error().code() != Code::FailedPrecondition) return revoked.error();
  return gone;
}

}  // namespace weir::dagmanager
