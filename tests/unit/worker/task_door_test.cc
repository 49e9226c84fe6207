// SPDX-License-Identifier: Apache-2.0
#include "worker/task_door.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "drivers/http/http_client.h"
#include "server/system_clock.h"
#include "storage/folder_object_store.h"
#include "storage/staging.h"
#include "tests/unit/worker/child/temporary_folder.h"
#include "tests/unit/worker/fake_dispatcher.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

using Json = nlohmann::json;

/// The real clock, until a test stops it.
class TestClock final : public Clock {
 public:
  Instant now() const override { return real_.now(); }
  Duration monotonic() const override { return stopped_ ? Duration(1'000'000) : real_.monotonic(); }
  void sleep_for(Duration span) override { real_.sleep_for(span); }
  void stop() { stopped_ = true; }

 private:
  server::SystemClock real_;
  bool stopped_ = false;
};

class TaskDoorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto root = storage::StorageRoot::of_folder(folder_ / "objects");
    ASSERT_TRUE(root.ok());
    auto objects = storage::FolderObjectStore::open(*root, random_);
    ASSERT_TRUE(objects.ok());
    objects_ = std::move(*objects);
    auto door = TaskDoor::open(folder_ / "s.sock", {.api = api_,
                                                    .objects = *objects_,
                                                    .rows = nullptr,
                                                    .clock = clock_,
                                                    .random = random_,
                                                    .log = log_,
                                                    .cancel_grace = std::chrono::seconds(30),
                                                    .kill_after = std::chrono::seconds(2)});
    ASSERT_TRUE(door.ok()) << door.error().describe();
    door_ = std::move(*door);
    auto client = http::HttpClient::create({.base = "unix:" + (folder_ / "s.sock")}, clock_);
    ASSERT_TRUE(client.ok());
    client_ = std::move(*client);
  }

  /// Claims a task and puts it behind the door.
  void serve(const Json& changes = Json::object()) {
    task_ = dispatcher_.add_task("op", changes);
    auto claim = api_.claim({.claim_id = "c", .task_ids = {task_}, .max = 1});
    ASSERT_TRUE(claim.ok());
    ASSERT_EQ(claim->tasks.size(), 1U);
    attempt_ = std::make_shared<Attempt>(claim->tasks.front(), clock_.monotonic());
    door_->serve(attempt_);
  }

  http::Reply call(const std::string& method, const std::string& path,
                   const std::string& body = "") {
    http::Call call;
    call.method = method;
    call.path = path;
    call.body = body;
    auto reply = client_->request(call);
    EXPECT_TRUE(reply.ok());
    return reply.ok() ? *reply : http::Reply{};
  }
  /// "<status> <code>" of a refusal.
  std::string refusal_of(const std::string& method, const std::string& path,
                         const std::string& body = "") {
    const http::Reply reply = call(method, path, body);
    const Json problem = Json::parse(reply.body, nullptr, false);
    return std::to_string(reply.status) + " " +
           (problem.is_object() ? problem.value("code", "") : reply.body);
  }

  Json parquet_output() const {
    const std::string dataset = base::Uuid{{7}}.text();
    return {{"output", 0},
            {"dataset_uuid", dataset},
            {"dataset_version", dataset},
            {"kind", "parquet"},
            {"staging_prefix", "file://" + (folder_ / "objects") + "/datasets/u/v/_staging/t/1/"}};
  }

  TemporaryFolder folder_;
  TestClock clock_;
  server::SystemRandom random_;
  server::Log log_{{.level = server::LogLevel::Off}};
  FakeDispatcher dispatcher_;
  InternalApi api_{dispatcher_, "test", "ecs_platform", {"op@1"}};
  std::unique_ptr<storage::FolderObjectStore> objects_;
  std::unique_ptr<TaskDoor> door_;
  std::unique_ptr<http::HttpClient> client_;
  std::string task_;
  AttemptPtr attempt_;
};

TEST_F(TaskDoorTest, AddsTheFenceToEvents) {
  serve();
  const http::Reply reply =
      call("POST", "/v1/task/events", R"({"events":[{"output":0,"cursor":5}]})");
  EXPECT_EQ(reply.status, 200);
  dispatcher_.wait([&](const FakeDispatcher& d) {
    EXPECT_EQ(d.events().size(), 1U);
    EXPECT_EQ(d.events()[0]["task_id"], task_);
    EXPECT_EQ(d.events()[0]["attempt"], 1);
    EXPECT_EQ(d.events()[0]["lease_token"], "lease-1");
    EXPECT_EQ(d.events()[0]["events"][0]["cursor"], 5);
    return true;
  });
}

TEST_F(TaskDoorTest, RefusesAFenceOfAnotherTask) {
  serve();
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", R"({"attempt":2,"events":[]})"),
            "403 capability_mismatch");
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", "[]"), "400 invalid_request");
}

TEST_F(TaskDoorTest, LeadsToNothingElse) {
  serve();
  for (const char* path :
       {"/internal/task-claim", "/internal/events", "/internal/heartbeat", "/metrics",
        "/v1/task/../../internal/events", "/v1/task/%2e%2e/internal/events", "/v1/query",
        "/v1/task/buffer-publish", "/v1/task", "/"}) {
    EXPECT_EQ(refusal_of("POST", path, "{}"), "404 not_found") << path;
    EXPECT_EQ(refusal_of("GET", path), "404 not_found") << path;
  }
  EXPECT_EQ(refusal_of("GET", "/v1/task/events"), "404 not_found");
  EXPECT_TRUE(dispatcher_.wait([](const FakeDispatcher& d) {
    return d.requests("/internal/events") == 0 && d.requests("/internal/task-claim") == 1;
  }));
}

TEST_F(TaskDoorTest, IsClosedWhenNobodyStandsBehindIt) {
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", "{}"), "404 not_found");
  serve();
  door_->serve(nullptr);
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", "{}"), "404 not_found");
  EXPECT_EQ(refusal_of("GET", "/v1/task/objects?uri=x"), "404 not_found");
}

TEST_F(TaskDoorTest, AdmitsFiftyRequestsInASecond) {
  clock_.stop();
  serve();
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(call("POST", "/v1/task/heartbeat", "{}").status, 200) << i;
  }
  EXPECT_EQ(refusal_of("POST", "/v1/task/heartbeat", "{}"), "429 rate_limited");
}

TEST_F(TaskDoorTest, KeepsProgressForTheNextHeartbeat) {
  serve();
  const http::Reply reply =
      call("POST", "/v1/task/heartbeat", R"({"progress":{"fraction":0.5,"caught_up":true}})");
  EXPECT_EQ(Json::parse(reply.body)["status"], "running");
  EXPECT_EQ(Json::parse(attempt_->beat().progress)["fraction"], 0.5);
  EXPECT_EQ(refusal_of("POST", "/v1/task/heartbeat",
                       R"({"progress":{"message":")" + std::string(1025, 'x') + "\"}}"),
            "400 invalid_request");
  attempt_->take({.canceled = true, .cancel_reason = "user"}, clock_.monotonic());
  EXPECT_EQ(Json::parse(call("POST", "/v1/task/heartbeat", "{}").body)["cancel_reason"], "user");
}

TEST_F(TaskDoorTest, LetsAnOperatorCompleteItsTask) {
  serve();
  const http::Reply reply = call("POST", "/v1/task/complete", R"({"outcome":"success"})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(Json::parse(reply.body)["status"], "over");
  EXPECT_EQ(attempt_->own_outcome(), "success");
  EXPECT_EQ(attempt_->stop().wish().reason, StopReason::Finished);
}

TEST_F(TaskDoorTest, StopsAnOperatorThatTheFenceRefuses) {
  serve();
  dispatcher_.fence(task_);
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", R"({"events":[]})"), "409 stale_attempt");
  EXPECT_EQ(attempt_->stop().wish().reason, StopReason::LeaseLost);
  EXPECT_EQ(refusal_of("POST", "/v1/task/complete", R"({"outcome":"success"})"),
            "409 stale_attempt");
  EXPECT_FALSE(attempt_->own_outcome());
}

TEST_F(TaskDoorTest, SaysThatTheDispatcherIsAway) {
  serve();
  dispatcher_.set_away(true);
  EXPECT_EQ(refusal_of("POST", "/v1/task/events", R"({"events":[]})"), "503 unavailable");
}

TEST_F(TaskDoorTest, KeepsObjectsOfTheScratchAndGivesThemBack) {
  serve();
  const std::string big(3'000'000, 'x');
  const http::Reply put = call("PUT", "/v1/task/objects/a/b.bin", big);
  ASSERT_EQ(put.status, 201);
  const Json stored = Json::parse(put.body);
  EXPECT_EQ(stored["size"], big.size());
  EXPECT_EQ(stored["uri"], "file://" + (folder_ / "objects") + "/scratch/" + task_ + "/1/a/b.bin");
  const http::Reply get =
      call("GET", "/v1/task/objects?uri=" + base::percent_encode(stored["uri"].get<std::string>()));
  EXPECT_EQ(get.status, 200);
  EXPECT_TRUE(get.body == big);
}

TEST_F(TaskDoorTest, NeverChangesWhatIsStaged) {
  serve({{"outputs", Json::array({parquet_output()})}});
  EXPECT_EQ(call("PUT", "/v1/task/objects/p/part.parquet?output=0", "one").status, 201);
  EXPECT_EQ(call("PUT", "/v1/task/objects/p/part.parquet?output=0", "one").status, 201);
  EXPECT_EQ(refusal_of("PUT", "/v1/task/objects/p/part.parquet?output=0", "two"),
            "409 idempotency_conflict");
  EXPECT_EQ(refusal_of("PUT", "/v1/task/objects/x?output=1", "x"), "403 output_not_owned");
  EXPECT_EQ(read_text(folder_ / "objects/datasets/u/v/_staging/t/1/p/part.parquet"), "one");
}

TEST_F(TaskDoorTest, RefusesNamesThatLeadElsewhere) {
  serve();
  for (const char* name : {"..", "../x", "a/../../x", "%2e%2e/x", "a%2f..%2fx", "a//b",
                           "/etc/passwd", "a%00b", "a%20b", "a/./b", "a/"}) {
    EXPECT_EQ(call("PUT", std::string("/v1/task/objects/") + name, "x").status / 100, 4) << name;
  }
  EXPECT_EQ(refusal_of("PUT", "/v1/task/objects/" + std::string(513, 'a'), "x"),
            "400 invalid_request");
}

TEST_F(TaskDoorTest, ReadsNoObjectOutsideOfItsGrants) {
  serve();
  const std::string root = "file://" + (folder_ / "objects");
  ASSERT_TRUE(storage::put_text(*objects_, *storage::ObjectKey::parse("other/secret"), "x").ok());
  for (const std::string& uri :
       {root + "/other/secret", root + "/scratch/" + task_ + "/1/../../../other/secret",
        root + "/scratch/" + task_ + "/10/x", std::string("file:///etc/passwd"),
        std::string("x")}) {
    EXPECT_EQ(refusal_of("GET", "/v1/task/objects?uri=" + base::percent_encode(uri)),
              "403 prefix_denied")
        << uri;
  }
  EXPECT_EQ(refusal_of("GET", "/v1/task/objects"), "400 invalid_request");
  EXPECT_EQ(refusal_of("GET", "/v1/task/objects?uri=" +
                                  base::percent_encode(root + "/scratch/" + task_ + "/1/x")),
            "404 not_found");
}

TEST_F(TaskDoorTest, FollowsNoLinkOutOfTheStore) {
  serve();
  ASSERT_EQ(call("PUT", "/v1/task/objects/x", "x").status, 201);
  const std::string scratch = folder_ / ("objects/scratch/" + task_ + "/1/");
  std::filesystem::create_symlink("/etc/passwd", scratch + "link");
  EXPECT_EQ(refusal_of("GET", "/v1/task/objects?uri=" +
                                  base::percent_encode("file://" + scratch + "link")),
            "403 prefix_denied");
}

TEST_F(TaskDoorTest, GivesNoCredentialsAndNoRowsItDoesNotHave) {
  serve({{"outputs", Json::array({parquet_output()})}});
  EXPECT_EQ(refusal_of("POST", "/v1/task/credentials", "{}"), "409 not_supported");
  EXPECT_EQ(refusal_of("PUT", "/v1/task/rows?output=0&cursor=1", "{}"), "409 not_supported");
  EXPECT_EQ(refusal_of("GET", "/v1/task/rows?relation=input_0"), "409 not_supported");
}

}  // namespace
}  // namespace weir::worker
