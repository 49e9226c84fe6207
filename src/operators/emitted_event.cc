// SPDX-License-Identifier: Apache-2.0
#include "operators/emitted_event.h"
#include "base/json_line.h"

namespace weir::operators {
namespace {

bool same_commit(const storage::CommitNamed& one, const storage::CommitNamed& other) {
  return one.prefix == other.prefix && one.manifest_sha256 == other.manifest_sha256 &&
         one.row_count == other.row_count && one.bytes == other.bytes &&
         one.schema_hash == other.schema_hash;
}

void append_commit(std::string& out, const storage::CommitNamed& commit) {
  JsonLine line(out);
  line.text("prefix", commit.prefix).text("manifest_sha256", commit.manifest_sha256);
  if (commit.row_count) line.number("row_count", *commit.row_count);
  if (commit.bytes) line.number("bytes", *commit.bytes);
  if (commit.schema_hash) line.text("schema_hash", *commit.schema_hash);
  line.end();
}

void append_event(std::string& out, const EmittedEvent& event) {
  JsonLine line(out);
  line.number("output", event.output);
  if (event.cursor) {
    line.key("cursor");
    append_cursor(out, *event.cursor);
  }
  if (event.partition_key) line.text("partition_key", *event.partition_key);
  if (event.range) line.number("start", event.range->start).number("end", event.range->end);
  if (event.commit) {
    line.key("commit");
    append_commit(out, *event.commit);
  }
  if (!event.payload.empty()) line.raw("payload", event.payload);
  if (event.batch_no) line.number("batch_no", *event.batch_no);
  line.end();
}

}  // namespace

bool EmittedEvent::operator==(const EmittedEvent& other) const {
  if (commit.has_value() != other.commit.has_value()) return false;
  if (commit && !same_commit(*commit, *other.commit)) return false;
  return output == other.output && cursor == other.cursor && partition_key == other.partition_key &&
         range == other.range && payload == other.payload && batch_no == other.batch_no;
}

std::string write_emit_call(const EmitCall& call) {
  std::string text;
  JsonLine line(text);
  line.key("events");
  text += '[';
  for (std::size_t i = 0; i < call.events.size(); ++i) {
    if (i > 0) text += ',';
    append_event(text, call.events[i]);
  }
  text += ']';
  if (call.state) {
    line.key("state");
    JsonLine state(text);
    state.text("state_key", call.state->state_key);
    state.number("expect_revision", call.state->expect_revision).raw("state", call.state->state);
    state.end();
  }
  line.end();
  return text;
}

}  // namespace weir::operators
