// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/core/monitors/alerts.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/topic_types.h"

/// What is wrong with topics, as alerts say it (contract sections 3.7 and 3.19); each is about one
/// topic, and stands until it has not been said for an hour.
namespace weir::dagmanager {

/// TopicRecreated: what the topic held is lost. Said before the topic is made again, so that a kill
/// leaves a topic that is still missing, and is said once more, rather than one nobody heard of.
Condition recreated_condition(const graph::TopicName& topic, const std::string& node, Instant at);

/// TopicMismatch: a topic of ours has other settings than its queue was made with.
Condition changed_condition(const TopicSeen& seen, const graph::TopicShape& recorded, Instant at);

/// TopicMismatch: topics of another shape had names that a diff wanted, and were left alone.
std::vector<Condition> mismatch_conditions(const std::vector<TopicLogRow>& left_alone, Instant at);

}  // namespace weir::dagmanager
