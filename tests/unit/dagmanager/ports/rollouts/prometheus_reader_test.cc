// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/prometheus_reader.h"

#include <gmock/gmock.h>

#include <future>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/server/http/http_fixture.h"

namespace weir::dagmanager {
namespace {

using server::Handover;
using server::HttpRequest;
using server::HttpResponse;
using server::Responder;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

std::string vector_of(const std::string& samples) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + samples + "]}}";
}
std::string sample(const std::string& value) {
  return R"({"metric":{"a":"b"},"value":[1700000000.5,")" + value + R"("]})";
}

std::string fault_of(const Result<double>& read) {
  if (read.ok()) return "value " + std::to_string(*read);
  return read.error().reason() + ": " + read.error().message();
}

/// A Prometheus that remembers what it was asked and answers what it is told to.
class PrometheusReaderTest : public server::HttpFixture {
 protected:
  PrometheusReaderTest() {
    for (const std::string path : {"/api/v1/query", "/prom/api/v1/query"}) {
      router_.add({"GET", path, [this](const HttpRequest& request) {
                     const base::MutexLock lock(mutex_);
                     asked_.push_back(request.path + " " +
                                      request.query_value("query").value_or("no query"));
                     return answer_;
                   }});
    }
    router_.add({"GET", "/silent/api/v1/query", [this](const HttpRequest&, Responder responder) {
                   waiting_.give(std::move(responder));
                 }});
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::unique_ptr<PrometheusReader> reader(const std::string& path = "",
                                           milliseconds timeout = kSampleTimeout) {
    auto made = PrometheusReader::create(url() + path, clock_, timeout);
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }
  void answers(int status, const std::string& body) {
    const base::MutexLock lock(mutex_);
    answer_ = {.status = status, .body = body};
  }
  std::vector<std::string> asked() {
    const base::MutexLock lock(mutex_);
    return asked_;
  }

  const server::SystemClock clock_;
  base::Mutex mutex_;
  HttpResponse answer_ WEIR_GUARDED_BY(mutex_) = {.status = 200, .body = vector_of(sample("0.5"))};
  std::vector<std::string> asked_ WEIR_GUARDED_BY(mutex_);
  Handover<Responder> waiting_;
};

TEST_F(PrometheusReaderTest, AsksForOneInstantWithTheQueryAsItIs) {
  start();
  const std::string query = R"(sum(rate(errors_total{version="v2+é"}[5m])) / 100 % 3 & x)";
  const auto value = reader()->read(query);
  ASSERT_TRUE(value.ok()) << value.error().describe();
  EXPECT_EQ(*value, 0.5);
  ASSERT_TRUE(reader("/prom/")->read("up").ok());
  EXPECT_THAT(asked(), ElementsAre("/api/v1/query " + query, "/prom/api/v1/query up"));
}

TEST_F(PrometheusReaderTest, TellsARefusedQueryFromASourceThatIsIll) {
  start();
  const auto asking = reader();
  for (const int status : {400, 422}) {
    answers(status, R"({"status":"error","errorType":"bad_data","error":"parse error"})");
    const auto refused = asking->read("sum(");
    EXPECT_THAT(fault_of(refused),
                HasSubstr("query_refused: it answers " + std::to_string(status)));
    EXPECT_THAT(fault_of(refused), HasSubstr("parse error"));
    EXPECT_EQ(refused.error().code(), Code::InvalidArgument);
  }
  for (const int status : {401, 404, 500, 503}) {
    answers(status, "no");
    EXPECT_EQ(fault_of(asking->read("up")),
              "metrics_unavailable: it answers " + std::to_string(status) + ": no");
  }
  answers(200, vector_of(sample("1")));
  EXPECT_TRUE(asking->read("up").ok()) << "it asks again";
}

TEST_F(PrometheusReaderTest, SaysThatNobodyAnswers) {
  start();
  const auto silent = reader("/silent", milliseconds(50))->read("up");
  EXPECT_THAT(fault_of(silent), HasSubstr("metrics_unavailable: "));
  EXPECT_EQ(silent.error().code(), Code::Unavailable);
  const auto waited = waiting_.take();
  EXPECT_TRUE(waited) << "it had asked";
  answers(200, std::string(kSampleBytesMax + 1, ' '));
  EXPECT_THAT(fault_of(reader()->read("up")), HasSubstr("metrics_unavailable: "));
  const auto gone = reader();
  server_->stop();
  EXPECT_THAT(fault_of(gone->read("up")), HasSubstr("metrics_unavailable: "));
}

TEST_F(PrometheusReaderTest, AReadThatNobodyAnswersEndsWhenItIsCancelled) {
  start();
  const auto asking = reader("/silent", std::chrono::minutes(1));
  auto answer = std::async(std::launch::async, [&] { return asking->read("up"); });
  const auto waited = waiting_.take();
  asking->cancel();
  EXPECT_EQ(fault_of(answer.get()), "metrics_unavailable: the call was cancelled");
  EXPECT_EQ(fault_of(asking->read("up")), "metrics_unavailable: the call was cancelled")
      << "nor does a later one wait";
}

TEST(ReadSample, TakesTheOneSampleOfAVectorAndAScalar) {
  EXPECT_EQ(*read_sample(vector_of(sample("0.25"))), 0.25);
  EXPECT_EQ(*read_sample(vector_of(sample("-1e-3"))), -1e-3);
  EXPECT_EQ(*read_sample(vector_of(sample("+Inf"))), kInfinite);
  EXPECT_EQ(*read_sample(vector_of(sample("-Inf"))), -kInfinite);
  EXPECT_EQ(*read_sample(R"({"status":"success","data":{"resultType":"scalar","result":[1,"7"]}})"),
            7);
}

TEST(ReadSample, GivesNoSampleForNoneSeveralAndNoNumber) {
  EXPECT_EQ(fault_of(read_sample(vector_of(""))), "no_sample: no sample");
  EXPECT_EQ(fault_of(read_sample(vector_of(sample("1") + "," + sample("2")))),
            "no_sample: 2 samples, not one");
  for (const char* value : {"NaN", "", "0x10", "1 ", "a lot"}) {
    EXPECT_EQ(fault_of(read_sample(vector_of(sample(value)))),
              "no_sample: the sample is no number: " + std::string(value));
  }
  EXPECT_EQ(
      fault_of(read_sample(R"({"status":"success","data":{"resultType":"matrix","result":[]}})")),
      "no_sample: the query gives no instant vector");
}

TEST(ReadSample, DoesNotTrustWhatIsNoAnswer) {
  for (const char* body :
       {"", "<html>", "[]", R"({"status":"error","error":"out of memory"})",
        R"({"status":"success"})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"value":[1]}]}})",
        R"({"status":"success","data":{"resultType":"scalar","result":5}})"}) {
    const auto read = read_sample(body);
    EXPECT_FALSE(read.ok()) << body;
  }
  EXPECT_EQ(fault_of(read_sample(R"({"status":"error"})")),
            "metrics_unavailable: the answer says no success");
}

TEST(PrometheusReader, RefusesAnAddressThatIsNone) {
  const server::SystemClock clock;
  for (const char* url : {"", "prometheus:9090", "ftp://host"}) {
    EXPECT_FALSE(PrometheusReader::create(url, clock).ok()) << url;
  }
}

}  // namespace
}  // namespace weir::dagmanager
