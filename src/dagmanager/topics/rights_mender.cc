// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/rights_mender.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace weir::dagmanager {

/// The topics were listed before the rights are: one that came meanwhile is no queue's yet, and one
/// that went has left rights behind only if nothing knows its name any more.
Result<std::map<graph::TopicName, RightsMend>> RightsMender::find(
    std::span<const graph::TopicName> owned, const std::vector<TopicSeen>& listed,
    std::size_t limit) {
  unused_.clear();
  WEIR_CHECK(parts_.principals.add(parts_.acls.principals()));
  WEIR_TRY(ours_, parts_.principals.list());
  std::map<graph::TopicName, RightsMend> mends;
  if (ours_.empty()) return mends;
  const auto found = parts_.rights.list();
  if (!found.ok()) {
    if (found.error().code() == Code::FailedPrecondition) return mends;
    return found.error();
  }
  std::set<std::string_view> there;
  for (const TopicSeen& topic : listed) there.insert(topic.topic.view());
  std::vector<graph::TopicName> present;
  std::ranges::copy_if(owned, std::back_inserter(present),
                       [&](const graph::TopicName& topic) { return there.contains(topic.view()); });
  mends = judge_rights(parts_.acls, present, *found, ours_);
  WEIR_TRY(const auto left, left_behind(*found, listed));
  mends.merge(judge_rights({}, left, *found, ours_));
  while (mends.size() > limit) mends.erase(std::prev(mends.end()));
  for (const std::string& principal : ours_) {
    const bool has = std::ranges::any_of(
        *found, [&](const TopicRight& right) { return right.principal == principal; });
    if (!has) unused_.push_back(principal);
  }
  const auto configured = parts_.acls.principals();
  std::erase_if(unused_, [&](const std::string& principal) {
    return std::ranges::binary_search(configured, principal);
  });
  return mends;
}

/// Names of our form with rights of ours, under which there was no topic in two passes running, and
/// which neither a queue nor an intent has. One pass would not do: a broker's listing lags behind a
/// topic that another graph's instances have just made.
Result<std::vector<graph::TopicName>> RightsMender::left_behind(
    std::span<const TopicRight> found, const std::vector<TopicSeen>& listed) {
  std::set<graph::TopicName> names;
  for (const TopicRight& right : found) {
    const bool of_ours = std::ranges::binary_search(ours_, right.principal);
    if (of_ours && has_topic_form(right.topic.view())) names.insert(right.topic);
  }
  for (const TopicSeen& topic : listed) names.erase(topic.topic);
  std::vector<graph::TopicName> candidates(names.begin(), names.end());
  WEIR_TRY(const auto known, parts_.upkeep.known(candidates));
  std::vector<graph::TopicName> left;
  std::set<graph::TopicName> seen;
  for (std::size_t at = 0; at < candidates.size(); ++at) {
    if (known[at]) continue;
    if (left_before_.contains(candidates[at])) left.push_back(candidates[at]);
    seen.insert(std::move(candidates[at]));
  }
  left_before_ = std::move(seen);
  return left;
}

Result<void> RightsMender::mend(const std::map<graph::TopicName, RightsMend>& mends) {
  std::vector<TopicRight> lacking;
  std::vector<TopicRight> superfluous;
  for (const auto& [topic, mend] : mends) {
    lacking.insert(lacking.end(), mend.lacking.begin(), mend.lacking.end());
    superfluous.insert(superfluous.end(), mend.superfluous.begin(), mend.superfluous.end());
  }
  if (!superfluous.empty()) WEIR_CHECK(parts_.rights.revoke(superfluous));
  if (!lacking.empty()) WEIR_CHECK(parts_.rights.grant(lacking));
  return {};
}

Result<void> RightsMender::forget(const LoopFence& fence) {
  return parts_.principals.drop(fence, unused_);
}

}  // namespace weir::dagmanager
