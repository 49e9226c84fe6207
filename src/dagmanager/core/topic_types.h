// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "graph/topic.h"

/// The words in which a broker is spoken to: what is wanted, what it answered, what it shows.
namespace weir::dagmanager {

/// A topic to be made.
struct TopicSpec {
  graph::TopicName topic;
  graph::TopicShape shape;

  friend bool operator==(const TopicSpec&, const TopicSpec&) = default;
};

/// How the broker answered for one topic of a bulk create.
enum class CreateAnswer {
  Created,
  CreatedAndSeen,  ///< made, and looked at by the same call: as asked for, and no other like it
  AlreadyExists,   ///< success only after a look shows the wanted shape
  Unknown,         ///< no answer in time: it may or may not exist
  Failed,          ///< this broker could not; another or a later try may
  Refused,         ///< never: the name or shape is not acceptable
};

/// A topic as the broker's metadata shows it.
struct TopicSeen {
  graph::TopicName topic;
  graph::TopicShape shape;

  friend bool operator==(const TopicSeen&, const TopicSeen&) = default;
};

}  // namespace weir::dagmanager
