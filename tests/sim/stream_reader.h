// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "server/events/event_log.h"
#include "tests/sim/sim_checks.h"

namespace weir::sim {

/// Who follows the event stream (contract sections 1.3, 1.4): every number once and in order, the
/// same event under a number whenever it is read, revisions that rise by one, and in the end the
/// weights and answers that are stored.
class StreamReader {
 public:
  using Found = std::function<void(const Violation&)>;

  StreamReader(server::EventLog& log, Found found) : log_(log), found_(std::move(found)) {}

  /// Reads a page; tells whether there may be more.
  bool read(std::size_t limit);
  /// Reads some of what it has read once more, if it is kept.
  void read_again();
  /// Once everything is published and read: what was told last is what is stored.
  void compare(const dagmanager::MemoryGraph& graph) const;
  /// How often it had to begin anew.
  std::uint64_t resets() const { return resets_; }
  std::int64_t last() const { return last_; }

 private:
  struct Told {
    std::int64_t revision = 0;
    std::set<std::string> queues;
  };
  void take(const server::StreamEvent& event);
  void reset(std::int64_t oldest);

  server::EventLog& log_;
  Found found_;
  simdjson::dom::parser parser_;
  std::int64_t last_ = 0;
  std::uint64_t resets_ = 0;
  std::deque<server::StreamEvent> kept_;  // the last ones, as they were read
  std::set<std::string> ids_;
  std::map<std::string, Told> queries_;                            // by set and context
  std::map<std::string, std::pair<std::string, double>> weights_;  // by sentinel and world
  std::map<std::string, std::int64_t> lifecycles_;                 // revision by queue
  std::map<std::string, std::int64_t> revisions_;                  // by etag, but for its end
};

}  // namespace weir::sim
