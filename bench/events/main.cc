// SPDX-License-Identifier: Apache-2.0
// bench_events: how fast control events get their numbers, and how soon after its commit an event
// is with a thousand readers, one more of which never reads. bench/README.md says beside what.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/events/bare_fanout.h"
#include "bench/events/crowd.h"
#include "bench/support/options.h"
#include "bench/support/report.h"
#include "bench/support/rig.h"
#include "bench/support/run_bench.h"
#include "dagmanager/event_relay.h"
#include "dagmanager/ports/events/postgres_control_bus.h"
#include "dagmanager/ports/postgres_schema.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"
#include "server/log.h"
#include "server/system_clock.h"

namespace weir::bench {
namespace {

constexpr std::array<std::string_view, 2> kSections = {"relay", "delivery"};

/// How much of everything a run does.
struct Effort {
  std::size_t rounds;
  std::size_t waiting;  // events a round of the relay
  std::size_t stream;   // events that go to one reader
  std::size_t commits;  // a round of the delivery
};
const Effort kFull{5, 20'000, 50'000, 60};
const Effort kQuick{3, 5'000, 10'000, 20};

constexpr double kRelayGoal = 20'000;  // events a second
constexpr double kDeliveryGoalMs = 50;
constexpr std::size_t kReaders = 999;  // and one that never reads
constexpr auto kCommitEvery = std::chrono::milliseconds(50);
constexpr double kWaitSeconds = 60;
constexpr double kReadySeconds = 30;
constexpr auto kLook = std::chrono::milliseconds(10);
constexpr std::size_t kPage = 1000;       // the relay's
constexpr std::size_t kStreamPage = 250;  // events a commit: the server keeps about 800
constexpr rlim_t kSockets = 4096;
constexpr std::size_t kBlockBytes = 600;  // about what an event has

constexpr const char* kBareTable =
    "create table if not exists bench_bare (no bigint, body text not null)";
/// An event's row and its notification, as bare as they can be, $1 of them in one commit.
constexpr const char* kBareInsert =
    "with i as (insert into bench_bare select n, repeat('x', 200) from generate_series(1, $1) n"
    " returning 1) select pg_notify('bench_bare', '') from i limit 1";
/// What the graph store leaves in the outbox for $1 changes of weights.
constexpr const char* kEvents =
    "insert into weir_dagmanager.outbox (key_seq, id, kind, revision, world_id, sentinel_id,"
    " version, weight, created_at) select m.last + n, gen_random_uuid(), 'sentinel_weight_updated',"
    " 1, 'w1', 'sentinel-' || n % 100, 'v' || n, 0.5, now() from generate_series(1, $1) n,"
    " (select coalesce(max(key_seq), 0) as last from weir_dagmanager.outbox) m";

std::string stream_request(std::int64_t after) {
  return "GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: " +
         std::to_string(after) + "\r\n\r\n";
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(place));
  return values[place];
}

/// Runs a statement over $1.
Result<void> run_counted(postgres::Connection& connection, const char* sql, std::size_t count) {
  postgres::Params params;
  params.int64(static_cast<std::int64_t>(count));
  WEIR_CHECK(connection.execute(std::string(sql), params));
  return {};
}

class Bench {
 public:
  Bench(const Options& options, Rig& rig)
      : options_(options), effort_(options.quick ? kQuick : kFull), rig_(rig) {}

  Result<void> run() {
    if (wanted("relay")) WEIR_CHECK(relay());
    if (wanted("delivery")) WEIR_CHECK(delivery());
    return {};
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  bool wanted(std::string_view section) const {
    return options_.only.empty() || options_.only == section;
  }

  static void say(const char* text) { std::fprintf(stderr, "bench events: %s\n", text); }

  /// Events that wait are given their numbers; beside it as many rows are inserted and rung for, a
  /// page a commit, and none is forced to the disk either.
  Result<void> relay() {
    say("events that wait get their numbers");
    WEIR_TRY(const std::string dsn, rig_.make_database("relay"));
    WEIR_TRY(const auto connection, postgres::Connection::connect({.dsn = dsn}));
    WEIR_CHECK(dagmanager::prepare_graph_schema(*connection));
    WEIR_CHECK(connection->execute(std::string(kBareTable)));
    postgres::Pool pool({.connect = {.dsn = dsn}}, clock_);
    dagmanager::PostgresControlBus bus(pool, "queue");
    dagmanager::EventRelay relay(
        {.bus = bus, .clock = clock_, .log = log_, .retention = std::chrono::hours(24)});
    WEIR_CHECK(relay.run_once());
    std::vector<double> numbered;
    std::vector<double> bare;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_CHECK(run_counted(*connection, kEvents, effort_.waiting));
      const double began = steady_seconds();
      WEIR_TRY(const std::size_t count, relay.run_once());
      numbered.push_back(static_cast<double>(count) / (steady_seconds() - began));
      WEIR_TRY(const double rate, bare_rate(*connection));
      bare.push_back(rate);
    }
    figures_.push_back(
        value_at_least(beside(plain("relay, events numbered", median(numbered), "1/s"),
                              "bare INSERT and NOTIFY", median(bare)),
                       kRelayGoal));
    return {};
  }

  Result<double> bare_rate(postgres::Connection& connection) {
    const double began = steady_seconds();
    for (std::size_t done = 0; done < effort_.waiting; done += kPage) {
      WEIR_CHECK(connection.begin());
      WEIR_CHECK(connection.execute(std::string("set local synchronous_commit = off")));
      WEIR_CHECK(run_counted(connection, kBareInsert, kPage));
      WEIR_CHECK(connection.commit());
    }
    return static_cast<double>(effort_.waiting) / (steady_seconds() - began);
  }

  Result<void> delivery() {
    WEIR_TRY(server_, rig_.start_weir("events", "events"));
    WEIR_CHECK(until_ready());
    WEIR_TRY(connection_, postgres::Connection::connect({.dsn = rig_.dsn("events")}));
    WEIR_CHECK(connection_->execute(std::string(kBareTable)));
    WEIR_CHECK(one_reader());
    return thousand_readers();
  }

  /// The server is there once it answers.
  Result<void> until_ready() {
    const SentTimes none(1, 1);
    const double until = steady_seconds() + kReadySeconds;
    while (true) {
      auto crowd = Crowd::gather(
          {.port = server_.http_port, .readers = 1, .request = stream_request(0)}, none);
      if (crowd.ok()) return {};
      if (steady_seconds() > until) return std::move(crowd).error();
      std::this_thread::sleep_for(kLook);
    }
  }

  /// Commits of many events, from the first until one reader has the last: written, numbered, read
  /// from the store, rendered, sent. A commit is made when the reader has the one before the last:
  /// one that lies further behind than the server keeps would be cut off, and come back.
  Result<void> one_reader() {
    say("events to one reader");
    const SentTimes sent(1, effort_.stream);
    WEIR_TRY(const auto crowd,
             Crowd::gather({.port = server_.http_port, .readers = 1, .request = stream_request(0)},
                           sent));
    const double began = steady_seconds();
    for (std::size_t done = 0; done < effort_.stream; done += kStreamPage) {
      if (done > kStreamPage) {
        WEIR_CHECK(crowd->take(static_cast<std::int64_t>(done - kStreamPage), kWaitSeconds));
      }
      WEIR_CHECK(run_counted(*connection_, kEvents, kStreamPage));
    }
    WEIR_CHECK(crowd->take(static_cast<std::int64_t>(effort_.stream), kWaitSeconds));
    const double rate = static_cast<double>(effort_.stream) / (steady_seconds() - began);
    figures_.push_back(value_at_least(
        plain("relay, events written until a reader has them", rate, "1/s"), kRelayGoal));
    return {};
  }

  /// One event a commit. The reader that never reads asks for all there ever was, so its connection
  /// is full when the rounds begin.
  Result<void> thousand_readers() {
    say("a thousand readers, one of them never reading");
    const std::size_t events = effort_.rounds * effort_.commits;
    const auto first = static_cast<std::int64_t>(effort_.stream) + 1;
    SentTimes sent(first, events);
    SentTimes bare_sent(first, events);
    WEIR_TRY(const auto fanout, BareFanout::start(rig_.dsn("events"), kBlockBytes, first));
    WEIR_TRY(const auto crowd, Crowd::gather({.port = server_.http_port,
                                              .readers = kReaders,
                                              .silent = 1,
                                              .request = stream_request(first - 1),
                                              .silent_request = stream_request(0)},
                                             sent));
    WEIR_TRY(const auto bare_crowd,
             Crowd::gather({.port = fanout->port(), .readers = kReaders, .silent = 1}, bare_sent));
    fanout->admit(kReaders + 1);
    std::vector<double> ours;
    std::vector<double> bare;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      const auto from = first + static_cast<std::int64_t>(round * effort_.commits);
      WEIR_TRY(const double p99, one_round(kEvents, from, sent, *crowd, nullptr));
      WEIR_TRY(const double bare_p99,
               one_round(kBareInsert, from, bare_sent, *bare_crowd, fanout.get()));
      ours.push_back(p99);
      bare.push_back(bare_p99);
    }
    figures_.push_back(
        value_at_most(beside(plain("commit to subscriber, 1,000 readers, p99", median(ours), "ms"),
                             "bare NOTIFY and send", median(bare)),
                      kDeliveryGoalMs));
    return {};
  }

  /// The p99 over every reader and event of a round, from when the commit was sent.
  Result<double> one_round(const char* insert, std::int64_t from, SentTimes& sent, Crowd& crowd,
                           BareFanout* fanout) {
    auto due = std::chrono::steady_clock::now();
    const std::int64_t end = from + static_cast<std::int64_t>(effort_.commits);
    for (std::int64_t number = from; number < end; ++number) {
      std::this_thread::sleep_until(due += kCommitEvery);
      sent.mark(number);
      if (fanout != nullptr) fanout->count_one();
      WEIR_CHECK(run_counted(*connection_, insert, 1));
    }
    WEIR_TRY(const std::vector<double> milliseconds, crowd.take(end - 1, kWaitSeconds));
    return percentile(milliseconds, 0.99);
  }

  const Options options_;
  const Effort& effort_;
  Rig& rig_;
  server::SystemClock clock_;
  server::Log log_{{.level = server::LogLevel::Warning}};
  Server server_;
  std::unique_ptr<postgres::Connection> connection_;
  std::vector<Figure> figures_;
};

/// Sockets of this process and of the server, which inherits the limit.
void raise_socket_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, kSockets);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::raise_socket_limit();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return weir::bench::run_bench<weir::bench::Bench, weir::bench::Rig>(
      {.program = "bench_events", .sections = weir::bench::kSections}, arguments);
}
