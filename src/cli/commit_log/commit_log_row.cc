// SPDX-License-Identifier: Apache-2.0
#include "cli/commit_log/commit_log_row.h"

#include <utility>
#include <vector>

#include "base/json.h"
#include "base/json_line.h"
#include "operators/json_members.h"

namespace weir::cli {
namespace {

constexpr std::size_t kRowParts = 4;
constexpr std::string_view kComputeKeyMark = "#ck=";

Error bad_message(const kafka::Message& message, const std::string& what) {
  return base::invalid_argument("bad_message", "partition " + std::to_string(message.partition) +
                                                   ", offset " + std::to_string(message.offset) +
                                                   ": " + what);
}

std::string json_text(base::JsonValue value) {
  std::string text;
  operators::append_json(text, value);
  return text;
}

}  // namespace

Result<CommitLogRow> read_commit_log_row(const kafka::Message& message) {
  if (!message.value) return bad_message(message, "it has no value");
  const auto document = base::JsonDocument::parse(*message.value);
  if (!document.ok()) return bad_message(message, "no JSON: " + document.error().message());
  const base::JsonValue root = document->root();
  if (!root.is_array() || root.size() != kRowParts) {
    return bad_message(message, "the value is no array of node, time, window and payload");
  }
  std::vector<base::JsonValue> parts;
  for (const base::JsonValue part : root) parts.push_back(part);
  if (!parts[0].is_text() || !parts[2].is_text()) {
    return bad_message(message, "node and window are no texts");
  }
  CommitLogRow row{.node_id = std::string(parts[0].text()),
                   .bucket_ts = json_text(parts[1]),
                   .input_window_hash = std::string(parts[2].text()),
                   .payload = json_text(parts[3])};
  const std::string_view key = message.key;
  const std::string window = ":" + row.input_window_hash;
  if (!key.starts_with(row.node_id + ":") || !key.ends_with(window) ||
      key.size() < row.node_id.size() + window.size()) {
    return bad_message(message, "its key " + message.key + " is of another row");
  }
  const std::string_view partition_key = key.substr(0, key.size() - window.size());
  const std::size_t mark = partition_key.find(kComputeKeyMark);
  if (mark != std::string_view::npos) {
    row.compute_key = partition_key.substr(mark + kComputeKeyMark.size());
  }
  return row;
}

std::string identity_of(const CommitLogRow& row) {
  std::string identity;
  for (const std::string* part :
       {&row.node_id, &row.compute_key, &row.bucket_ts, &row.input_window_hash}) {
    identity += std::to_string(part->size()) + ':' + *part;
  }
  return identity;
}

std::string row_line(const CommitLogRow& row, const kafka::Message& message) {
  std::string line;
  JsonLine members(line);
  members.text("node_id", row.node_id);
  if (row.compute_key.empty()) {
    members.null("compute_key");
  } else {
    members.text("compute_key", row.compute_key);
  }
  members.raw("bucket_ts", row.bucket_ts)
      .text("input_window_hash", row.input_window_hash)
      .raw("payload", row.payload)
      .number("partition", message.partition)
      .number("offset", message.offset)
      .end();
  line += '\n';
  return line;
}

}  // namespace weir::cli
