// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/queues/archive_store.h"
#include "dagmanager/ports/queues/topic_content.h"
#include "graph/topic.h"

/// A topic's content as it is kept after the topic is gone: two objects, `<key>.content` and, once
/// that is whole, `<key>.manifest.json`.
///
/// The content is the messages one after another, by partition and offset: partition (4 bytes),
/// offset (8), timestamp in milliseconds (8), then key and value, each as its length (4) and its
/// bytes; length -1: none. Numbers are little-endian. The manifest is one JSON object:
///
///     {"format":"weir topic archive
///     1","topic":…,"tag":…,"interval":…,"partitions":[{"partition":0,
///     "first":…,"end":…,"messages":…}],"messages":…,"bytes":…,"checksum":"blake3:…"}
namespace weir::dagmanager {

/// What is to be archived.
struct ArchiveRequest {
  graph::TopicName topic;
  std::string tag;
  std::int64_t interval = 0;  ///< seconds
  /// Of the name: the same for every try, so that a later one writes over what a killed one left.
  Instant moment{};
};

/// What was.
struct ArchivedTopic {
  std::string key;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// `<queue>-<YYYYMMDDTHHMMSS>`.
std::string archive_key(const ArchiveRequest& request);

/// Writes archives. Any thread; repeatable at any point.
class TopicArchiver {
 public:
  /// Both outlive it.
  TopicArchiver(TopicContent& content, ArchiveStore& archive)
      : content_(content), archive_(archive) {}

  /// Both objects are written, read back, and are what was read from the topic. Else the topic must
  /// stay: faults of the ports, DATA_LOSS `archive_differs`, or ABORTED `archive_stopped` once
  /// `wanted`, asked a page, says no.
  Result<ArchivedTopic> archive(const ArchiveRequest& request,
                                const std::function<bool()>& wanted = nullptr);

 private:
  TopicContent& content_;
  ArchiveStore& archive_;
};

}  // namespace weir::dagmanager
