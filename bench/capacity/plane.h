// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/diff/load.h"
#include "bench/support/rig.h"
#include "drivers/http/http_client.h"
#include "server/system_clock.h"

namespace weir::bench {

/// What a pass of the garbage collector said, and how long it took to say so.
struct Pass {
  double seconds = 0;
  std::size_t candidates = 0;
  std::size_t collected = 0;
};

/// Of diffs, in milliseconds.
struct DiffTimes {
  double mean = 0;
  double p95 = 0;
};

/// One DAG manager with its store, which is filled, asked and swept. One thread, except pass().
class Plane {
 public:
  /// Takes a server that was just started, and waits until it is ready.
  static Result<std::unique_ptr<Plane>> on(Server server);

  /// A graph of 1,000 nodes, committed. Another edition has other nodes throughout, another world
  /// other queues for the same nodes.
  Result<void> submit(const std::string& strategy, std::uint64_t edition, const std::string& world);
  /// Ends the deploys of a strategy, with the pass that follows.
  Result<Pass> end(const std::string& strategy) { return trigger(strategy); }
  /// One pass over all queues. From any thread.
  Result<Pass> pass() { return trigger("nobody"); }

  /// A figure of /metrics, with its labels; -1 if it is not there.
  Result<double> figure(const std::string& series);
  /// As figure(), once it differs from `before`; it is looked at for at most a minute and a half.
  Result<double> figure_after(const std::string& series, double before);

  /// A known graph of 1,000 nodes, `calls` times at 50 a second.
  Result<DiffTimes> known_diffs(std::size_t calls);
  /// The topics of one tag and interval, one call after the other: the p95 in milliseconds.
  Result<double> tag_queries(std::size_t calls);

  Server& server() { return server_; }
  /// What the tag query that was made last found.
  std::size_t topics_found() const { return topics_found_; }

 private:
  explicit Plane(Server server) : server_(std::move(server)) {}
  Result<void> wait_until_ready();
  Result<Pass> trigger(const std::string& id);

  weir::server::SystemClock clock_;
  Server server_;
  std::unique_ptr<http::HttpClient> http_;
  std::size_t topics_found_ = 0;
};

}  // namespace weir::bench
