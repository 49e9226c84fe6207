// SPDX-License-Identifier: Apache-2.0
#include "cli/client/dagmanager_client.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/mutex.h"
#include "cli/client/limits.h"

namespace weir::cli {
namespace {

using testing::ElementsAre;

/// Time that passes only where the client waits.
class StillClock final : public Clock {
 public:
  Instant now() const override { return {}; }
  Duration monotonic() const override { return waited_; }
  void sleep_for(Duration span) override {
    waits.push_back(span);
    waited_ += span;
  }

  std::vector<Duration> waits;

 private:
  Duration waited_{};
};

constexpr std::uint32_t kChunks = 5;

wire::DiffChunk chunk(std::uint32_t index, const std::string& answer) {
  wire::DiffChunk made;
  made.set_chunk_index(index);
  made.set_chunk_count(kChunks);
  made.set_crc32(1);
  made.set_sentinel_id("s-sentinel");
  made.set_answer(answer);
  (*made.mutable_queue_map())[answer + std::to_string(index)] = "topic";
  made.add_buffer_nodes()->set_node_id("node" + std::to_string(index));
  return made;
}

/// What one call of Diff does: sends chunks up to `until` and ends with `status`.
struct Turn {
  std::uint32_t until = kChunks;
  grpc::Status status = grpc::Status::OK;
  std::string answer = "a";
};

/// A server that plays turns and writes down what it was asked. A chunk must be acknowledged before
/// the next one leaves, as a client that reads ahead would show.
class ScriptedServer final : public wire::DiffService::Service, public wire::AdminService::Service {
 public:
  explicit ScriptedServer(std::deque<Turn> turns) : turns_(std::move(turns)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<wire::DiffService::Service*>(this));
    builder.RegisterService(static_cast<wire::AdminService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~ScriptedServer() override { server_->Shutdown(); }

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status Diff(grpc::ServerContext* context, const wire::DiffRequest* request,
                    grpc::ServerWriter<wire::DiffChunk>* writer) override {
    Turn turn;
    {
      const base::MutexLock lock(mutex_);
      requests_.push_back(*request);
      if (turns_.empty()) return {grpc::StatusCode::INTERNAL, "no turn is left"};
      turn = turns_.front();
      turns_.pop_front();
    }
    for (std::uint32_t i = request->resume_after_chunk() + 1; i <= turn.until; ++i) {
      writer->Write(chunk(i, turn.answer));
      const base::MutexLock lock(mutex_);
      while (acked_.empty() || acked_.back() != i) {
        if (context->IsCancelled()) return grpc::Status::CANCELLED;
        acknowledged_.wait_for(mutex_, std::chrono::milliseconds(100));
      }
    }
    const std::string& message = turn.status.error_message();
    if (const auto end = message.find(": "); end != std::string::npos) {
      context->AddTrailingMetadata("weir-reason", message.substr(0, end));
    }
    return turn.status;
  }

  grpc::Status AckChunk(grpc::ServerContext*, const wire::ChunkAck* request,
                        wire::ChunkAck* reply) override {
    const base::MutexLock lock(mutex_);
    acked_.push_back(request->chunk_id());
    sentinels_.push_back(request->sentinel_id());
    acknowledged_.notify_all();
    *reply = *request;
    return grpc::Status::OK;
  }

  grpc::Status DescribeNodes(grpc::ServerContext*, const wire::DescribeNodesRequest* request,
                             grpc::ServerWriter<wire::DescribeNodesReply>* writer) override {
    for (const std::string& id : request->node_ids()) {
      wire::DescribeNodesReply reply;
      reply.add_nodes()->set_node_id(id);
      writer->Write(reply);
    }
    const base::MutexLock lock(mutex_);
    described_.push_back(request->node_ids_size());
    return grpc::Status::OK;
  }

  std::vector<wire::DiffRequest> requests() {
    const base::MutexLock lock(mutex_);
    return requests_;
  }
  std::vector<std::uint32_t> acked() {
    const base::MutexLock lock(mutex_);
    return acked_;
  }
  std::vector<int> described() {
    const base::MutexLock lock(mutex_);
    return described_;
  }

 private:
  base::Mutex mutex_;
  base::CondVar acknowledged_;
  std::deque<Turn> turns_ WEIR_GUARDED_BY(mutex_);
  std::vector<wire::DiffRequest> requests_ WEIR_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> acked_ WEIR_GUARDED_BY(mutex_);
  std::vector<std::string> sentinels_ WEIR_GUARDED_BY(mutex_);
  std::vector<int> described_ WEIR_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

grpc::Status cut() { return {grpc::StatusCode::UNAVAILABLE, "draining: it stops"}; }

std::vector<std::uint32_t> resumed_after(const std::vector<wire::DiffRequest>& requests) {
  std::vector<std::uint32_t> chunks;
  for (const wire::DiffRequest& request : requests) chunks.push_back(request.resume_after_chunk());
  return chunks;
}

TEST(DagmanagerClient, AcknowledgesEachChunkByItsNumberBeforeTheNext) {
  ScriptedServer server({Turn{}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  const Result<DiffOutcome> outcome = client.diff({});
  ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
  EXPECT_EQ(outcome->queue_map.size(), kChunks);
  EXPECT_THAT(server.acked(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(clock.waits, testing::IsEmpty());
}

TEST(DagmanagerClient, SendsEveryFieldOfTheQuery) {
  ScriptedServer server({Turn{}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  const DiffQuery query{.dag_json = "{}",
                        .fields = {.strategy = graph::StrategyId("s"),
                                   .context = {.world_id = "w",
                                               .execution_domain = "live",
                                               .as_of = "t",
                                               .partition = "p",
                                               .dataset_fingerprint = "f"}},
                        .plan_only = true};
  ASSERT_TRUE(client.diff(query).ok());
  const wire::DiffRequest request = server.requests().front();
  EXPECT_EQ(request.strategy_id() + request.dag_json() + request.world_id() +
                request.execution_domain() + request.as_of() + request.partition() +
                request.dataset_fingerprint(),
            "s{}wlivetpf");
  EXPECT_TRUE(request.plan_only());
  EXPECT_EQ(request.resume_sentinel_id() + request.resume_answer(), "");
}

TEST(DagmanagerClient, ResumesAStreamCutAfterAnyChunk) {
  for (std::uint32_t k = 1; k < kChunks; ++k) {
    ScriptedServer server({Turn{.until = k, .status = cut()}, Turn{}});
    StillClock clock;
    DagmanagerClient client(server.target(), clock);
    const Result<DiffOutcome> outcome = client.diff({});
    ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
    EXPECT_EQ(outcome->queue_map.size(), kChunks);
    EXPECT_THAT(outcome->buffered, ElementsAre("node1", "node2", "node3", "node4", "node5"));
    EXPECT_THAT(resumed_after(server.requests()), ElementsAre(0, k));
    EXPECT_EQ(server.requests().back().resume_sentinel_id(), "s-sentinel");
    EXPECT_EQ(server.requests().back().resume_answer(), "a");
    EXPECT_THAT(clock.waits, ElementsAre(kDiffWaitFirst));
  }
}

TEST(DagmanagerClient, BeginsAnewWhenTheAnswerChanged) {
  ScriptedServer server(
      {Turn{.until = 2, .status = cut()},
       Turn{.until = 2,
            .status = {grpc::StatusCode::FAILED_PRECONDITION, "answer_changed: it did"}},
       Turn{.answer = "b"}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  const Result<DiffOutcome> outcome = client.diff({});
  ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
  EXPECT_EQ(outcome->queue_map.size(), kChunks);
  EXPECT_TRUE(outcome->queue_map.contains("b1"));
  EXPECT_FALSE(outcome->queue_map.contains("a1"));
  EXPECT_THAT(resumed_after(server.requests()), ElementsAre(0, 2, 0));
}

TEST(DagmanagerClient, GivesUpAfterFiveTriesWithGrowingWaits) {
  const Turn unavailable{
      .until = 0, .status = {grpc::StatusCode::UNAVAILABLE, "graph_unavailable: it is down"}};
  ScriptedServer server({unavailable, unavailable, unavailable, unavailable, unavailable, Turn{}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  const Result<DiffOutcome> outcome = client.diff({});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().reason(), "graph_unavailable");
  EXPECT_EQ(outcome.error().message(), "it is down");
  EXPECT_EQ(server.requests().size(), 5U);
  using std::chrono::milliseconds;
  EXPECT_THAT(clock.waits, ElementsAre(milliseconds(500), milliseconds(1000), milliseconds(2000),
                                       milliseconds(4000)));
}

TEST(DagmanagerClient, DoesNotRepeatWhatARepeatCannotMend) {
  ScriptedServer server(
      {Turn{.until = 0,
            .status = {grpc::StatusCode::INVALID_ARGUMENT, "cycle: 1 fault\ncycle /nodes: x"}}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  const Result<DiffOutcome> outcome = client.diff({});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code(), Code::InvalidArgument);
  EXPECT_EQ(outcome.error().reason(), "cycle");
  EXPECT_EQ(outcome.error().message(), "1 fault\ncycle /nodes: x");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(DagmanagerClient, DoesNotWaitForAServerThatWasNeverThere) {
  StillClock clock;
  DagmanagerClient client("127.0.0.1:1", clock);
  const Result<DiffOutcome> outcome = client.diff({});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code(), Code::Unavailable);
  EXPECT_EQ(outcome.error().reason(), "");
  EXPECT_THAT(clock.waits, testing::IsEmpty());
}

TEST(DagmanagerClient, TreatsAStreamWithoutItsLastChunkAsCut) {
  ScriptedServer server({Turn{.until = 3}, Turn{}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  ASSERT_TRUE(client.diff({}).ok());
  EXPECT_THAT(resumed_after(server.requests()), ElementsAre(0, 3));
}

TEST(DagmanagerClient, TellsItsObserverOfChunksAndTries) {
  ScriptedServer server({Turn{.until = 2, .status = cut()}, Turn{}});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  std::vector<std::uint32_t> taken;
  std::vector<int> tries;
  ASSERT_TRUE(client
                  .diff({}, {.chunk =
                                 [&](std::uint32_t at, std::uint32_t of) {
                                   EXPECT_EQ(of, kChunks);
                                   taken.push_back(at);
                                 },
                             .again = [&](const Error&, int attempt) { tries.push_back(attempt); }})
                  .ok());
  EXPECT_THAT(taken, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(tries, ElementsAre(2));
}

TEST(DagmanagerClient, DescribesAnyNumberOfNodesInBoundedRequests) {
  ScriptedServer server({});
  StillClock clock;
  DagmanagerClient client(server.target(), clock);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 2 * kDescribeIdsMax + 1; ++i) ids.push_back(std::to_string(i));
  const auto records = client.describe_nodes(ids);
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->size(), ids.size());
  EXPECT_EQ(records->back().node_id(), ids.back());
  EXPECT_THAT(server.described(), ElementsAre(1000, 1000, 1));
}

}  // namespace
}  // namespace weir::cli
