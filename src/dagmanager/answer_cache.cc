// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/answer_cache.h"

#include <grpcpp/support/slice.h>

#include <iterator>
#include <string_view>
#include <utility>

#include "base/blake3.h"

namespace weir::dagmanager {

std::string AnswerCache::key_of(const grpc::ByteBuffer& request) {
  std::vector<grpc::Slice> slices;
  base::Blake3 hash;
  if (request.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      hash.update({reinterpret_cast<const char*>(slice.begin()), slice.size()});
    }
  }
  base::Digest digest{};
  hash.finish(digest);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::shared_ptr<const SettledAnswer> AnswerCache::find(const std::string& key) {
  const base::MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void AnswerCache::keep(const std::string& key, std::shared_ptr<const SettledAnswer> answer) {
  // Entries and chunks say the same once each; a map entry's two texts and the node's pointer.
  std::size_t bytes = key.size() * 2 + answer->outcome.answer.entries.size() * sizeof(AnswerEntry);
  for (const grpc::ByteBuffer& chunk : answer->chunks) bytes += chunk.Length() * 2;
  if (bytes > bytes_max_ / 2) return;
  const base::MutexLock lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  bytes_ += bytes;
  entries_.push_front({key, std::move(answer), bytes});
  by_key_.emplace(key, entries_.begin());
  while (bytes_ > bytes_max_) drop(std::prev(entries_.end()));
}

void AnswerCache::forget(const std::string& key) {
  const base::MutexLock lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
}

void AnswerCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace weir::dagmanager
