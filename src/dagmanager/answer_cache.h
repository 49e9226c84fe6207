// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/blake3.h"
#include "base/mutex.h"
#include "dagmanager/diff_executor.h"

namespace weir::dagmanager {

/// An answer that changed nothing, as it goes on the wire; of what was decided only as much as it
/// takes to see whether it holds and to tell of it.
struct SettledAnswer {
  DiffSummary summary;
  graph::SentinelId sentinel;
  std::vector<graph::IdentityFinding> findings;
  std::vector<grpc::ByteBuffer> chunks;
  base::Digest answer_hash{};
  base::Digest request_hash{};  // zeros where nobody is told of spans

  /// About how much memory it takes.
  std::size_t bytes() const;
};

/// Answers by the hash of their whole request. One is true for as long as the graph stays at the
/// epoch it was decided on, which its user asks the store each time (DiffExecutor::holds); so a
/// gateway that sends the same graph again pays for the asking and the streaming. Bounded by bytes;
/// the one longest unused goes first. Any thread.
class AnswerCache {
 public:
  explicit AnswerCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// The key of a request's bytes.
  static std::string key_of(const grpc::ByteBuffer& request);

  std::shared_ptr<const SettledAnswer> find(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const SettledAnswer> answer);
  void forget(const std::string& key);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const SettledAnswer> answer;
    std::size_t bytes = 0;
  };
  void drop(std::list<Entry>::iterator entry) WEIR_REQUIRES(mutex_);

  const std::size_t bytes_max_;
  base::Mutex mutex_;
  std::list<Entry> entries_ WEIR_GUARDED_BY(mutex_);  // last used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_ WEIR_GUARDED_BY(mutex_);
  std::size_t bytes_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::dagmanager
