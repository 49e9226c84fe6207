// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/faulty_topic_admin.h"

#include <algorithm>

namespace weir::dagmanager {

bool FaultyTopicAdmin::strikes(unsigned percent) {
  if (faults_left_ <= 0 || !random_.chance(percent)) return false;
  --faults_left_;
  return true;
}

Result<std::vector<CreateAnswer>> FaultyTopicAdmin::create(std::span<const TopicSpec> topics) {
  if (strikes(faults_.call_lost)) {
    return base::unavailable("broker_unavailable", "the request was lost");
  }
  std::vector<TopicSpec> carried;
  std::vector<bool> failed(topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    failed[i] = strikes(faults_.part_failed);
    if (!failed[i]) carried.push_back(topics[i]);
  }
  WEIR_TRY(const auto made, inner_.create(carried));
  std::vector<CreateAnswer> answers(topics.size(), CreateAnswer::Failed);
  for (std::size_t i = 0, next = 0; i < topics.size(); ++i) {
    if (failed[i]) continue;
    answers[i] = made[next++];
    const bool is_new =
        answers[i] == CreateAnswer::Created || answers[i] == CreateAnswer::CreatedAndSeen;
    if (is_new && strikes(faults_.seen_late)) {
      answers[i] = CreateAnswer::Created;
      hidden_[topics[i].topic.text()] =
          1 + static_cast<unsigned>(random_.below(faults_.late_looks));
    }
    if (strikes(faults_.time_out)) answers[i] = CreateAnswer::Unknown;
  }
  if (strikes(faults_.reply_lost)) {
    return Error(Code::DeadlineExceeded, "broker_unavailable", "the reply was lost");
  }
  return answers;
}

Result<std::vector<TopicSeen>> FaultyTopicAdmin::look(std::span<const graph::TopicName> topics) {
  if (strikes(faults_.call_lost)) {
    return base::unavailable("broker_unavailable", "the request was lost");
  }
  WEIR_TRY(auto seen, inner_.look(topics));
  std::erase_if(seen, [&](const TopicSeen& topic) {
    const auto late = hidden_.find(topic.topic.text());
    if (late == hidden_.end()) return false;
    if (--late->second == 0) hidden_.erase(late);
    return true;
  });
  return seen;
}

Result<std::vector<bool>> FaultyTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  if (strikes(faults_.call_lost)) {
    return base::unavailable("broker_unavailable", "the request was lost");
  }
  std::vector<graph::TopicName> reached;
  std::vector<bool> gone(topics.size(), true);
  for (std::size_t i = 0; i < topics.size(); ++i) {
    gone[i] = !strikes(faults_.part_failed);
    if (gone[i]) reached.push_back(topics[i]);
  }
  WEIR_CHECK(inner_.remove(reached));
  for (const graph::TopicName& topic : reached) hidden_.erase(topic.text());
  if (strikes(faults_.reply_lost)) {
    return Error(Code::DeadlineExceeded, "broker_unavailable", "the reply was lost");
  }
  return gone;
}

}  // namespace weir::dagmanager
