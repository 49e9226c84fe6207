// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/topic_alerts.h"

#include <utility>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/core/topic_provisioner.h"

namespace weir::dagmanager {
namespace {

Condition about_topic(std::string_view name, const graph::TopicName& topic, std::string detail,
                      Instant at) {
  Condition condition = make_condition(name, topic.text(), std::move(detail), at);
  condition.topic = topic.text();
  return condition;
}

}  // namespace

Condition recreated_condition(const graph::TopicName& topic, const std::string& node, Instant at) {
  Condition condition = about_topic(
      kTopicRecreated, topic,
      "topic " + topic.text() + " was gone and is made again; what it held is lost", at);
  condition.node = node;
  return condition;
}

Condition changed_condition(const TopicSeen& seen, const graph::TopicShape& recorded, Instant at) {
  return about_topic(kTopicMismatch, seen.topic,
                     "topic " + seen.topic.text() + " has " + describe_shape(seen.shape) +
                         "; its queue was made with " + describe_shape(recorded),
                     at);
}

std::vector<Condition> mismatch_conditions(const std::vector<TopicLogRow>& left_alone, Instant at) {
  std::vector<Condition> conditions;
  for (const TopicLogRow& row : left_alone) {
    conditions.push_back(about_topic(
        kTopicMismatch, row.topic,
        "topic " + row.topic.text() + " was there before its node, with " +
            describe_shape(row.shape) + ": it is left alone, and the node has the next name",
        at));
    conditions.back().node = row.node_id;
  }
  return conditions;
}

}  // namespace weir::dagmanager
