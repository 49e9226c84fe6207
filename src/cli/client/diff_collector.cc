// SPDX-License-Identifier: Apache-2.0
#include "cli/client/diff_collector.h"

namespace weir::cli {
namespace {

Error data_loss(std::string reason, std::string message) {
  return {Code::DataLoss, std::move(reason), std::move(message)};
}

}  // namespace

Result<void> DiffCollector::add(const wire::DiffChunk& chunk) {
  // A server that numbers nothing sends the chunks once and in order.
  const std::uint32_t index = chunk.chunk_index() == 0 ? taken_ + 1 : chunk.chunk_index();
  if (index <= taken_) return {};
  if (index != taken_ + 1) {
    return data_loss("chunk_missing", "chunk " + std::to_string(index) + " came after chunk " +
                                          std::to_string(taken_));
  }
  if (!chunk.has_crc32()) return data_loss("crc32_missing", "a chunk came without its crc32");
  if (taken_ > 0 && chunk.crc32() != outcome_.crc32) {
    return data_loss("crc32_differs", "chunk " + std::to_string(index) +
                                          " is of another graph than the chunks before it");
  }
  taken_ = index;
  count_ = chunk.chunk_count() == 0 ? index : chunk.chunk_count();
  answer_ = chunk.answer();
  outcome_.crc32 = chunk.crc32();
  outcome_.sentinel_id = chunk.sentinel_id();
  if (!chunk.version().empty()) outcome_.version = chunk.version();
  for (const auto& [key, topic] : chunk.queue_map()) outcome_.queue_map[key] = topic;
  for (const auto& node : chunk.buffer_nodes()) outcome_.buffered.push_back(node.node_id());
  for (const auto& row : chunk.decisions()) {
    outcome_.plan.push_back({.node_id = row.node_id(),
                             .decision = row.decision(),
                             .topic = row.topic(),
                             .compute_key = row.compute_key(),
                             .reason = row.reason()});
  }
  for (const auto& warning : chunk.warnings()) outcome_.warnings.push_back(warning);
  return {};
}

void DiffCollector::resume(wire::DiffRequest& request) const {
  if (taken_ == 0 || answer_.empty()) return;
  request.set_resume_sentinel_id(outcome_.sentinel_id);
  request.set_resume_after_chunk(taken_);
  request.set_resume_answer(answer_);
}

}  // namespace weir::cli
