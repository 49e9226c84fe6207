// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/topic.h"

namespace weir::dagmanager {

/// One message of a topic.
struct TopicMessage {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};  ///< nothing: a tombstone

  friend bool operator==(const TopicMessage&, const TopicMessage&) = default;
};

/// What a partition holds: offsets from `first` to before `end`, some of which may be missing.
struct PartitionRange {
  std::int32_t partition = 0;
  std::int64_t first = 0;
  std::int64_t end = 0;

  friend bool operator==(const PartitionRange&, const PartitionRange&) = default;
};

/// Where reading goes on.
struct ContentCursor {
  std::int32_t partition = 0;
  std::int64_t from = 0;  ///< offset
  std::int64_t end = 0;   ///< not beyond; as the range had it
};

/// Port: what topics hold, for the archive. Any thread; faults of TopicAdmin.
class TopicContent {
 public:
  virtual ~TopicContent() = default;

  /// All partitions, rising. NOT_FOUND `topic_missing`. FAILED_PRECONDITION `content_unreadable`
  /// where the topic holds messages and nothing here can read them.
  virtual Result<std::vector<PartitionRange>> ranges(const graph::TopicName& topic) = 0;

  /// Messages of one partition, by offset, at most `limit`; none: it is read.
  virtual Result<std::vector<TopicMessage>> read(const graph::TopicName& topic,
                                                 const ContentCursor& cursor,
                                                 std::size_t limit) = 0;
};

}  // namespace weir::dagmanager
