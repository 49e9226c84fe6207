// SPDX-License-Identifier: Apache-2.0
// bench_engines: what a DAG manager on three brokers costs beside what the brokers take themselves.
// bench/README.md says beside what.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/uuid.h"
#include "bench/capacity/plane.h"
#include "bench/diff/documents.h"
#include "bench/diff/floor_server.h"
#include "bench/diff/load.h"
#include "bench/support/options.h"
#include "bench/support/report.h"
#include "bench/support/rig.h"
#include "bench/support/run_bench.h"
#include "dagmanager/bus/event_sender.h"
#include "dagmanager/bus/limits.h"
#include "dagmanager/ports/events/kafka_event_wire.h"
#include "dagmanager/ports/events/limits.h"
#include "dagmanager/ports/events/postgres_control_bus.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_schema.h"
#include "drivers/kafka/producer.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"
#include "server/breaker.h"
#include "server/log.h"
#include "server/system_clock.h"

namespace weir::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::array<std::string_view, 3> kSections = {"new", "known", "relay"};

/// How much of everything a run does.
struct Effort {
  std::size_t new_graphs;  // of 1,000 nodes each, after one that nobody measures
  std::size_t rounds;
  std::size_t calls;   // a round, at 50 a second
  std::size_t events;  // a round of the relay
};
const Effort kFull{3, 5, 200, 20'000};
const Effort kQuick{1, 3, 40, 5'000};

constexpr std::size_t kNodes = 1000;
constexpr double kRate = 50;
constexpr std::size_t kClients = 8;
constexpr double kOutsideGoal = 0.2;  // of the time in calls to the brokers
constexpr double kKnownGoal = 2.5;    // times the floor
constexpr double kRelayGoal = 0.5;    // of the bare producer's rate
constexpr const char* kKnown = "known";
constexpr const char* kSentinel = "known-sentinel";
constexpr const char* kHolder = "bench";

/// What the graph store leaves in the outbox for $1 changes of weights, of a thousand sentinels.
constexpr const char* kEvents =
    "insert into weir_dagmanager.outbox (key_seq, id, kind, revision, world_id, sentinel_id,"
    " version, weight, created_at) select m.last + n, gen_random_uuid(), 'sentinel_weight_updated',"
    " 1, 'w1', 'sentinel-' || n % 1000, 'v' || n, 0.5, now() from generate_series(1, $1) n,"
    " (select coalesce(max(key_seq), 0) as last from weir_dagmanager.outbox) m";

double seconds_since(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

/// The brokers that bench/run has started.
Result<std::string> brokers() {
  const char* folder = std::getenv("WEIR_ENGINES");
  std::string line;
  if (folder != nullptr) std::getline(std::ifstream(std::string(folder) + "/kafka/address"), line);
  if (!line.empty()) return line;
  return base::unavailable("no_brokers", "run it by bench/run engines, which starts them");
}

/// What a server's calls to its topic engine came to.
struct TopicCalls {
  double making = 0;   // seconds
  double looking = 0;  // seconds
  double waiting = 0;  // seconds, between looks
  double creates = 0;
  double looks = 0;
};

class Bench {
 public:
  Bench(const Options& options, Rig& rig)
      : options_(options), effort_(options.quick ? kQuick : kFull), rig_(rig) {}

  Result<void> run() {
    WEIR_TRY(brokers_, brokers());
    rig_.put_topics_at("kafka://" + brokers_);
    if (wanted("new") || wanted("known")) {
      WEIR_TRY(Server server, rig_.start_weir("streams", "streams"));
      WEIR_TRY(plane_, Plane::on(std::move(server)));
      WEIR_CHECK(teach());
    }
    if (wanted("new")) WEIR_CHECK(new_nodes());
    if (wanted("known")) WEIR_CHECK(known_nodes());
    if (wanted("relay")) WEIR_CHECK(relay());
    return {};
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  bool wanted(std::string_view section) const {
    return options_.only.empty() || options_.only == section;
  }

  static void say(const char* text) { std::fprintf(stderr, "bench engines: %s\n", text); }

  Result<TopicCalls> topic_calls() {
    TopicCalls calls;
    for (const std::string call : {"create", "look"}) {
      const std::string labels = "{call=\"" + call + "\"}";
      WEIR_TRY(const double sum, plane_->figure("topic_admin_call_seconds_sum" + labels));
      WEIR_TRY(const double count, plane_->figure("topic_admin_call_seconds_count" + labels));
      (call == "create" ? calls.making : calls.looking) = std::max(sum, 0.0);
      (call == "create" ? calls.creates : calls.looks) = std::max(count, 0.0);
    }
    WEIR_TRY(const double waited, plane_->figure("topic_wait_seconds_sum"));
    calls.waiting = std::max(waited, 0.0);
    return calls;
  }

  /// The graph that is known from then on, whose chunks the floor answers.
  Result<void> teach() {
    known_request_ = make_request(kKnown, document(kNodes, 0));
    Client client(plane_->server().address);
    const DiffReply reply = client.diff(known_request_, kSentinel, true);
    if (!reply.fault.empty()) return base::internal("the first graph: " + reply.fault);
    keep_chunks(rig_.chunks_folder(), kKnown, reply.chunks);
    return {};
  }

  /// Graphs of which every node is new: what a diff takes beyond its calls to the brokers, which
  /// make the topics and look until every one of them is seen.
  Result<void> new_nodes() {
    say("graphs of 1,000 new nodes");
    std::vector<double> whole;
    std::vector<double> making;
    std::vector<double> looking;
    std::vector<double> waiting;
    std::vector<double> called;
    std::vector<double> outside;
    WEIR_TRY(const TopicCalls first, topic_calls());
    TopicCalls before = first;
    for (std::size_t i = 0; i < effort_.new_graphs; ++i) {
      const auto began = Steady::now();
      WEIR_CHECK(plane_->submit("new", ++edition_, "bench"));
      const double seconds = seconds_since(began);
      WEIR_TRY(const TopicCalls after, topic_calls());
      making.push_back(after.making - before.making);
      looking.push_back(after.looking - before.looking);
      waiting.push_back(after.waiting - before.waiting);
      const double calls = making.back() + looking.back();
      whole.push_back(seconds);
      outside.push_back(seconds - calls - waiting.back());
      called.push_back(calls);
      before = after;
    }
    const auto graphs = static_cast<double>(effort_.new_graphs);
    figures_.push_back(plain("1,000 new nodes, three brokers, a diff", median(whole) * 1000, "ms"));
    figures_.push_back(plain("  of it in calls that make topics", median(making) * 1000, "ms"));
    figures_.push_back(
        plain("  in calls that look whether they are there", median(looking) * 1000, "ms"));
    figures_.push_back(plain("  of the former", (before.creates - first.creates) / graphs, ""));
    figures_.push_back(plain("  of the latter", (before.looks - first.looks) / graphs, ""));
    figures_.push_back(
        plain("  between looks, for brokers to show them", median(waiting) * 1000, "ms"));
    figures_.push_back(at_most(beside(plain("  Weir's own", median(outside) * 1000, "ms"),
                                      "the calls", median(called) * 1000),
                               kOutsideGoal));
    return {};
  }

  /// A known graph again and again: no call to a broker at all.
  Result<void> known_nodes() {
    say("a known graph of 1,000 nodes");
    WEIR_TRY(const Server floor, rig_.start_floor());
    const auto same = [this](std::size_t) -> const std::string& { return known_request_; };
    std::vector<double> ours;
    std::vector<double> floors;
    WEIR_TRY(const TopicCalls before, topic_calls());
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      for (const auto& [address, times] :
           {std::pair(floor.address, &floors), std::pair(plane_->server().address, &ours)}) {
        const LoadResult result =
            open_loop(address, kSentinel, same, kRate, effort_.calls, kClients);
        if (result.faults > 0) return base::internal("a diff failed: " + result.first_fault);
        times->push_back(result.percentile(0.95));
      }
    }
    WEIR_TRY(const TopicCalls after, topic_calls());
    figures_.push_back(at_most(
        beside(plain("1,000 known nodes, topics on three brokers, 50/s, p95", median(ours), "ms"),
               "floor", median(floors)),
        kKnownGoal));
    figures_.push_back(
        value_at_most(plain("  calls to the brokers",
                            after.creates + after.looks - before.creates - before.looks, ""),
                      0));
    return {};
  }

  /// Events that wait, with their numbers, until the brokers have acknowledged each and the store
  /// has noted it; beside it the same bytes under the same keys from the driver's producer alone.
  Result<void> relay() {
    say("events that wait for the control bus");
    WEIR_TRY(const std::string dsn, rig_.make_database("relay"));
    WEIR_TRY(const auto connection, postgres::Connection::connect({.dsn = dsn}));
    WEIR_CHECK(dagmanager::prepare_graph_schema(*connection));
    postgres::Pool pool({.connect = {.dsn = dsn}}, clock_);
    const std::string queue_topic = "queue-" + base::uuid_v4(random_);
    dagmanager::PostgresControlBus bus(pool, queue_topic, true);
    WEIR_TRY(const auto wire,
             dagmanager::KafkaEventWire::open({.brokers = brokers_}, queue_topic, clock_));
    dagmanager::PostgresLoopLeases leases(pool);
    server::Breaker breaker("bus", clock_);
    dagmanager::EventSender sender({.bus = bus,
                                    .wire = *wire,
                                    .breaker = breaker,
                                    .clock = clock_,
                                    .log = log_,
                                    .holds = [](const dagmanager::LoopFence&) { return true; },
                                    .oversize = [] {}});
    WEIR_TRY(auto producer,
             kafka::Producer::create({.brokers = brokers_}, dagmanager::kSendTimeout, clock_));
    std::vector<double> ours;
    std::vector<double> bare;
    for (std::size_t round = 0; round <= effort_.rounds; ++round) {
      WEIR_CHECK(leave_events(*connection, bus));
      WEIR_TRY(const auto events, bus.unsent(0, effort_.events));
      WEIR_TRY(const dagmanager::LoopFence fence, hold(leases));
      const auto began = Steady::now();
      WEIR_TRY(const std::size_t sent, sender.run_once(fence));
      const double seconds = seconds_since(began);
      if (sent != effort_.events) return base::internal(std::to_string(sent) + " events went");
      WEIR_TRY(const double rate, bare_rate(producer, events));
      if (round == 0) continue;  // connections and topics are made
      ours.push_back(static_cast<double>(sent) / seconds);
      bare.push_back(rate);
    }
    figures_.push_back(at_least(
        beside(plain("relay to three brokers", median(ours), "1/s"), "bare producer", median(bare)),
        kRelayGoal));
    return {};
  }

  Result<void> leave_events(postgres::Connection& connection, dagmanager::PostgresControlBus& bus) {
    postgres::Params params;
    params.int64(static_cast<std::int64_t>(effort_.events));
    WEIR_CHECK(connection.execute(std::string(kEvents), params));
    std::size_t left = effort_.events;
    while (left > 0) {
      WEIR_TRY(const std::size_t numbered, bus.publish(1'000, clock_.now()));
      left -= std::min(left, numbered);
    }
    return {};
  }

  static Result<dagmanager::LoopFence> hold(dagmanager::LoopLeases& leases) {
    const std::vector<dagmanager::LoopClaim> claims = {{dagmanager::kRelayLoop}};
    WEIR_TRY(const auto rows, leases.renew(kHolder, claims));
    return dagmanager::LoopFence{dagmanager::kRelayLoop, rows.front().fence};
  }

  static Result<double> bare_rate(kafka::Producer& producer,
                                  const std::vector<dagmanager::PendingEvent>& events) {
    const auto began = Steady::now();
    std::size_t settled = 0;
    std::size_t next = 0;
    while (settled < events.size()) {
      while (next < events.size() && producer.in_flight() < dagmanager::kSendsUnderWayMax) {
        const dagmanager::ControlEvent& event = events[next].event;
        WEIR_CHECK(producer.send(event.topic, event.key, event.envelope, events[next].number));
        ++next;
      }
      for (const kafka::Delivery& one : producer.reports(std::chrono::milliseconds(100))) {
        WEIR_CHECK(one.outcome);
        ++settled;
      }
    }
    return static_cast<double>(events.size()) / seconds_since(began);
  }

  const Options options_;
  const Effort& effort_;
  Rig& rig_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  server::Log log_{{.level = server::LogLevel::Warning}};
  std::string brokers_;
  std::unique_ptr<Plane> plane_;
  std::string known_request_;
  std::uint64_t edition_ = random_.next() >> 32;  // others than an earlier run's
  std::vector<Figure> figures_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--floor") {
    return weir::bench::run_floor_server(std::atoi(arguments[1].c_str()), arguments[2]);
  }
  return weir::bench::run_bench<weir::bench::Bench, weir::bench::Rig>(
      {.program = "bench_engines", .sections = weir::bench::kSections}, arguments);
}
