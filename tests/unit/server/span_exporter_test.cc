// SPDX-License-Identifier: Apache-2.0
#include "server/span_exporter.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/mutex.h"
#include "server/http/http_server.h"
#include "server/system_clock.h"
#include "server/telemetry.h"
#include "tests/must.h"
#include "tests/unit/server/tracing/recording_tracer.h"

namespace weir::server {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::ElementsAre;

/// A collector that remembers how many spans each request brought, and can be told to refuse.
class Collector {
 public:
  explicit Collector(std::uint16_t port = 0) {
    Router router;
    router.add({"POST", "/otel/v1/traces",
                [this](const HttpRequest& request) { return take(request); },
                std::size_t{8} << 20});
    server_ = weir::test::must(HttpServer::create({.address = {.host = "127.0.0.1", .port = port}},
                                                  std::move(router), {random_, log()}));
    weir::test::must(server_->start());
  }
  ~Collector() { server_->stop(); }

  std::uint16_t port() const { return server_->port(); }
  void answer(HttpResponse response) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    response_ = std::move(response);
  }
  std::vector<std::size_t> batches() const WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    return batches_;
  }
  void wait_for_batches(std::size_t count) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    for (int waits = 0; batches_.size() < count && waits < 600; ++waits) {
      came_.wait_for(mutex_, std::chrono::milliseconds(100));
    }
  }

 private:
  HttpResponse take(const HttpRequest& request) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    EXPECT_EQ(request.header("content-type"), "application/json");
    const json body = json::parse(request.body);
    batches_.push_back(body["resourceSpans"][0]["scopeSpans"][0]["spans"].size());
    came_.notify_all();
    return response_;
  }

  base::SeededRandom random_{1};
  mutable base::Mutex mutex_;
  base::CondVar came_;
  HttpResponse response_ WEIR_GUARDED_BY(mutex_) = {.status = 200, .body = "{}"};
  std::vector<std::size_t> batches_ WEIR_GUARDED_BY(mutex_);
  std::unique_ptr<HttpServer> server_;
};

class SpanExporterTest : public testing::Test {
 protected:
  void open(std::uint16_t port) {
    const std::string endpoint = "http://127.0.0.1:" + std::to_string(port) + "/otel/";
    exporter_ = weir::test::must(
        SpanExporter::create({.endpoint = weir::test::must(read_trace_endpoint(endpoint)),
                              .resource = {"weir-test", "i-1"}},
                             {recorder_.queue, recorder_.clock, log_}));
  }
  void put(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      recorder_.queue.put({.context = test::sampled_trace(), .name = "x"});
    }
  }
  Duration now() const { return recorder_.clock.monotonic(); }

  test::RecordingTracer recorder_;
  std::vector<std::string> lines_;
  Log log_{{.sink = [this](std::string_view line) { lines_.emplace_back(line); }}};
  std::unique_ptr<SpanExporter> exporter_;
};

TEST_F(SpanExporterTest, SendsWhatHasWaitedForFiveSeconds) {
  Collector collector;
  open(collector.port());
  EXPECT_EQ(exporter_->run_once(), std::nullopt) << "nothing waits: nothing wakes it";
  put(3);
  EXPECT_EQ(exporter_->run_once(), now() + seconds(5));
  EXPECT_TRUE(collector.batches().empty());
  recorder_.clock.sleep_for(seconds(5));
  EXPECT_EQ(exporter_->run_once(), std::nullopt);
  EXPECT_THAT(collector.batches(), ElementsAre(3U));
  EXPECT_EQ(recorder_.dropped, 0U);
}

TEST_F(SpanExporterTest, SendsFullBatchesAtOnce) {
  Collector collector;
  open(collector.port());
  put(2 * kSpanBatchMax + 1);
  EXPECT_EQ(exporter_->run_once(), now() + seconds(5)) << "the one that is left may wait";
  EXPECT_THAT(collector.batches(), ElementsAre(512U, 512U));
}

TEST_F(SpanExporterTest, AsksADeadCollectorLaterAndLaterAndDropsWhatFindsNoRoom) {
  std::uint16_t port = 0;
  {
    const Collector gone;
    port = gone.port();
  }
  open(port);
  put(kSpansWaitingMax + 7);
  EXPECT_EQ(recorder_.dropped, 7U);
  for (const int pause : {1, 2, 4, 8, 16, 32, 60}) {
    EXPECT_EQ(exporter_->run_once(), now() + seconds(pause));
    EXPECT_EQ(exporter_->run_once(), now() + seconds(pause)) << "not before its time";
    recorder_.clock.sleep_for(seconds(pause));
  }
  EXPECT_EQ(recorder_.dropped, 7U) << "the batch in hand is kept";
  EXPECT_EQ(exporter_->run_once(), now() + seconds(60));
  EXPECT_EQ(recorder_.dropped, 7U + kSpanBatchMax) << "it was tried eight times";
  EXPECT_EQ(lines_.size(), 1U) << "said once";

  const Collector back(port);
  recorder_.clock.sleep_for(seconds(60));
  exporter_->run_once();
  EXPECT_THAT(back.batches(), ElementsAre(512U, 512U, 512U));
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_THAT(lines_[1], testing::HasSubstr("taken again"));
}

TEST_F(SpanExporterTest, WaitsAsLongAsABusyCollectorAsks) {
  Collector collector;
  collector.answer({.status = 429, .headers = {{"Retry-After", "17"}}});
  open(collector.port());
  put(kSpanBatchMax);
  EXPECT_EQ(exporter_->run_once(), now() + seconds(17));
  collector.answer({.status = 200});
  recorder_.clock.sleep_for(seconds(17));
  exporter_->run_once();
  EXPECT_THAT(collector.batches(), ElementsAre(512U, 512U)) << "the same batch again";
  EXPECT_EQ(recorder_.dropped, 0U);
}

TEST_F(SpanExporterTest, CountsWhatACollectorRefuses) {
  Collector collector;
  collector.answer({.status = 400});
  open(collector.port());
  put(kSpanBatchMax);
  exporter_->run_once();
  EXPECT_EQ(recorder_.dropped, kSpanBatchMax) << "the same again would be refused again";
  collector.answer({.status = 200, .body = R"({"partialSuccess":{"rejectedSpans":"5"}})"});
  put(kSpanBatchMax);
  exporter_->run_once();
  EXPECT_EQ(recorder_.dropped, kSpanBatchMax + 5);
}

TEST_F(SpanExporterTest, SendsWhatWaitsBeforeItEnds) {
  Collector collector;
  open(collector.port());
  exporter_->start();
  put(3);
  exporter_->stop();
  exporter_->stop();
  EXPECT_THAT(collector.batches(), ElementsAre(3U));
}

TEST_F(SpanExporterTest, StartsAndStopsAtAnyTime) {
  Collector collector;
  for (int round = 0; round < 20; ++round) {
    open(collector.port());
    if (round % 3 != 0) exporter_->start();
    put(static_cast<std::size_t>(round % 2) * kSpanBatchMax);
    exporter_->stop();
    exporter_.reset();
  }
}

TEST_F(SpanExporterTest, RefusesAnAddressThatIsNoCollectors) {
  for (const char* bad : {"", "localhost:4318", "ftp://h", "http://", "http://u:p@h:1", "unix:/s",
                          "http://h:1/a?b", "http://h:1/a b", "http://h:1/#a"}) {
    const auto endpoint = read_trace_endpoint(bad);
    ASSERT_FALSE(endpoint.ok()) << bad;
    EXPECT_EQ(endpoint.error().reason(), "bad_endpoint");
  }
  const auto plain = read_trace_endpoint("https://collector");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->base + plain->path, "https://collector/v1/traces");
  const auto path = read_trace_endpoint("http://c:4318/otlp/");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->base + path->path, "http://c:4318/otlp/v1/traces");
}

TEST(Telemetry, CarriesASpanFromItsEndToTheCollector) {
  Collector collector;
  const SystemClock clock;
  SystemRandom random;
  const std::string endpoint = "http://127.0.0.1:" + std::to_string(collector.port()) + "/otel";
  auto telemetry = weir::test::must(
      Telemetry::create({.endpoint = weir::test::must(read_trace_endpoint(endpoint)),
                         .resource = {"weir-test", "i-1"}},
                        {clock, random, log(), [](std::size_t) { FAIL() << "none is lost"; }}));
  telemetry->start();
  for (std::size_t i = 0; i < kSpanBatchMax; ++i) {
    const ScopedTrace scope(new_trace(random), &telemetry->tracer());
    const StepSpan step("step");
  }
  collector.wait_for_batches(1);
  EXPECT_THAT(collector.batches(), ElementsAre(512U)) << "by the thread itself";
  telemetry->stop();
}

}  // namespace
}  // namespace weir::server
