// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/topic_types.h"

/// What the reconciler decides (contract section 3.19): pure. An intent and the queue that it
/// becomes are one row, so an intent whose topic is bound does not exist: there is nothing to mend
/// of the kind `adopted`.
namespace weir::dagmanager {

/// What was mended; the action of its log row, and the label of its counter.
enum class MendKind : std::uint8_t { Dropped, Recreated, Hit, Sentinel, Acl };
std::string_view mend_kind_text(MendKind kind);

/// An intent that nobody may be at work on any more, or whose topic is being removed.
struct IntentRow {
  RowId queue = 0;
  graph::TopicName topic;
  graph::TopicType type = graph::TopicType::Indicator;
  graph::TopicShape shape;
  std::string node_id;  ///< empty: not known
  std::string binding_key;
  std::string diff_id;  ///< of who wanted it last; empty: not known
  bool dropping = false;
};

/// A deploy whose due sentinel is not there, or does not have it, and the row it is to have.
struct SentinelGap {
  std::string deploy_key;
  SentinelRecord sentinel;
};

/// Whose topic stands under an intent's name.
enum class IntentTopic : std::uint8_t {
  Gone,
  Ours,      ///< in our shape and empty: an unfinished diff made it, and nobody knows its name
  Anothers,  ///< of another shape, or somebody writes to it: not ours to delete
};
/// `seen`: topics that a broker would confuse with the intent's; `size`: messages under its name.
IntentTopic judge_intent_topic(const IntentRow& intent, std::span<const TopicSeen> seen,
                               std::optional<std::int64_t> size);

/// Topics that a complete listing did not show. Only what two passes running miss is lost: a
/// listing may be cut short by a broker that does not know it.
class MissingTopics {
 public:
  /// Of a pass: the active queues without topic, by row, rising. Gives those that the pass before
  /// missed as well.
  std::vector<RowId> judge(std::vector<RowId> missing);
  /// A pass without a listing: the next two count.
  void no_listing() { before_.clear(); }

 private:
  std::vector<RowId> before_;
};

/// Whether a name has the form of section 2.10: [namespace.]asset_type_hash_version.
bool has_topic_form(std::string_view topic);

/// Queues whose topic another queue of another compute key has too; each pair once.
std::vector<CrossContextViolation> shared_topics(const GraphIndex& index);

}  // namespace weir::dagmanager
