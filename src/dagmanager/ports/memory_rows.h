// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/control_events.h"
#include "dagmanager/core/packed.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/text_pool.h"

/// What a memory store keeps beside its graph, in few bytes: rows are packed, and what rows share
/// is kept once. Rows come and go as the plain records that they are outside.
namespace weir::dagmanager {

/// The topic log, oldest first.
class MemoryTopicLog {
 public:
  void add(const TopicLogRow& row);
  std::size_t size() const { return rows_.size(); }
  TopicLogRow row(std::size_t at) const;
  /// The number of a row, which it keeps whatever goes before it; of rows added one after the
  /// other, the next.
  RowId seq(std::size_t at) const { return rows_[at].seq; }
  /// The place of the first row behind a number.
  std::size_t after(RowId seq) const;

  /// Gives up the others; `stays`: one a row.
  void keep_only(const std::vector<bool>& stays);
  /// Of a log read back, rising.
  void renumber(const std::vector<RowId>& seqs);

 private:
  struct Row {
    RowId seq = 0;
    const char* packed = nullptr;
  };

  ByteArena arena_;
  TextPool texts_;  // actors, causes and the like: a few a diff
  std::deque<Row> rows_;
  RowId last_seq_ = 0;
};

/// Events that nobody was told yet, oldest first.
class MemoryOutbox {
 public:
  void add(const OutboxRow& row);
  std::size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  OutboxRow row(std::size_t at) const;
  /// When the oldest came about. There must be one.
  Instant oldest() const { return rows_.front().created_at; }
  void drop_oldest();

 private:
  struct Row {
    Instant created_at{};
    char* packed = nullptr;
    std::size_t bytes = 0;
  };

  ByteArena arena_;
  TextPool texts_;  // tags and worlds
  std::deque<Row> rows_;
};

/// Deploys by their keys (DeployKey::text()), and in which order they were seen last.
class MemoryDeploys {
 public:
  /// As the newest; its key is new.
  void add(const std::string& key, const DeployRecord& deploy);
  /// The deploy apart from its nodes, to read or to change; null if it is not known.
  DeployRecord* find(const std::string& key);
  const DeployRecord* find(const std::string& key) const;
  void make_newest(const std::string& key);
  /// What `deploy` says of its nodes, if some are others than those of the known one.
  void renew_nodes(const std::string& key, const DeployRecord& deploy);
  /// All of it.
  DeployRecord whole(const std::string& key) const;
  /// Keys, oldest first.
  const std::vector<std::string>& order() const { return order_; }

 private:
  struct Kept {
    DeployRecord deploy;  // its nodes are packed
    std::string nodes;
  };

  void pack_nodes(Kept& kept, const std::vector<DeployNode>& nodes);

  TextPool names_;
  std::map<std::string, Kept> deploys_;
  std::vector<std::string> order_;
};

/// Artifacts that nodes use, told apart by their checksums; one has one size.
class MemoryArtifacts {
 public:
  void add(const NodeRecord& node);
  /// Gives how many are used by no node any more.
  std::size_t remove(const NodeRecord& node);
  std::optional<std::int64_t> size_of(const std::string& checksum) const;
  std::size_t count() const { return artifacts_.size(); }

 private:
  struct Kept {
    std::int64_t bytes = 0;
    std::size_t uses = 0;
  };

  std::map<std::string, Kept, std::less<>> artifacts_;
};

}  // namespace weir::dagmanager
