// SPDX-License-Identifier: Apache-2.0
#include "cli/topics/topic_text.h"

#include "base/json_line.h"
#include "base/rfc3339.h"
#include "graph/topic.h"

namespace weir::cli {
namespace {

std::string shape_json(const dagmanager::TopicLogRow& row) {
  std::string out;
  base::JsonLine shape(out);
  shape.text("type", graph::topic_type_name(row.type));
  shape.number("partitions", row.shape.partitions);
  shape.number("replication", row.shape.replication);
  shape.number("retention_ms", row.shape.retention_ms);
  shape.text("cleanup", row.shape.cleanup);
  shape.end();
  return out;
}

}  // namespace

std::string log_json(dagmanager::RowId seq, const dagmanager::TopicLogRow& row) {
  std::string out;
  base::JsonLine line(out);
  line.number("seq", seq);
  line.text("at", base::rfc3339_micros(row.at));
  line.text("topic", row.topic.view());
  line.text("action", row.action);
  line.raw("shape", shape_json(row));
  line.text("node_id", row.node_id);
  line.text("binding_key", row.binding_key);
  line.text("actor", row.actor);
  line.text("cause", row.cause);
  line.text("result", row.result);
  line.end();
  return out + "\n";
}

std::string restored_json(const dagmanager::RestoredTopic& topic) {
  std::string out;
  base::JsonLine line(out);
  line.text("topic", topic.topic.view());
  line.text("outcome", topic.outcome);
  if (topic.archive.empty()) {
    line.raw("archive", "null");
  } else {
    line.text("archive", topic.archive);
  }
  line.end();
  return out + "\n";
}

std::string log_line(dagmanager::RowId seq, const dagmanager::TopicLogRow& row) {
  return std::to_string(seq) + "  " + base::rfc3339(row.at) + "  " + row.action + "  " +
         row.topic.text() + "  " + row.result + "  by " + row.actor + ", " + row.cause + "\n";
}

std::string restored_line(const dagmanager::RestoredTopic& topic) {
  const std::string archive = topic.archive.empty() ? "" : "  archived as " + topic.archive;
  return topic.outcome + "  " + topic.topic.text() + archive + "\n";
}

}  // namespace weir::cli
