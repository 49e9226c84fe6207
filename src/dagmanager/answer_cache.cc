// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/answer_cache.h"

#include <grpcpp/support/slice.h>

#include <iterator>
#include <string_view>
#include <utility>

#include "base/blake3.h"

namespace weir::dagmanager {
namespace {

/// What gRPC keeps beside the bytes of one chunk, about.
constexpr std::size_t kChunkOverhead = 256;

}  // namespace

std::size_t SettledAnswer::bytes() const {
  const graph::ComputeContext& context = summary.deploy.context;
  std::size_t bytes = sizeof(SettledAnswer) + sentinel.text().size() +
                      summary.deploy.strategy.text().size() + summary.deploy.version.text().size() +
                      summary.deploy.node_set.size() + context.world_id.size() +
                      context.as_of.size() + context.partition.size() +
                      context.dataset_fingerprint.size();
  for (const graph::IdentityFinding& finding : findings) {
    bytes += sizeof(finding) + finding.code.size() + finding.path.size() + finding.text.size();
  }
  for (const grpc::ByteBuffer& chunk : chunks) bytes += chunk.Length() + kChunkOverhead;
  return bytes;
}

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
  const std::size_t bytes = sizeof(Entry) + 2 * (sizeof(key) + key.size()) + answer->bytes();
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
