// SPDX-License-Identifier: Apache-2.0
#include "cli/client/user_api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/client/limits.h"
#include "server/auth/secret_file.h"
#include "tests/unit/server/http/http_fixture.h"

namespace weir::cli {
namespace {

/// Waits are over at once, and are remembered.
class HurriedClock final : public Clock {
 public:
  Instant now() const override { return {}; }
  Duration monotonic() const override { return now_; }
  void sleep_for(Duration span) override {
    now_ += span;
    slept.push_back(span);
  }

  std::vector<Duration> slept;

 private:
  Duration now_{};
};

TEST(ApiPath, EncodesSegmentsAndValuesAndLeavesOutWhatIsEmpty) {
  ApiPath path("/v1/datasets");
  path.segment("a/b c").query("world", "").query("prefix", "x&y").query("limit", "5");
  EXPECT_EQ(path.text(), "/v1/datasets/a%2Fb%20c?prefix=x%26y&limit=5");
}

TEST(ProblemOf, GivesCodeAndDetail) {
  const Error error = problem_of({.status = 404, .body = R"({"code":"not_found","detail":"no"})"});
  EXPECT_EQ(error.describe(), "not_found: no");
  EXPECT_THAT(problem_of({.status = 502, .body = "<html>"}).describe(),
              testing::HasSubstr("status 502"));
}

class UserApiClientTest : public server::HttpFixture {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-api-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    HttpFixture::TearDown();
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<UserApiClient> client_of(const std::string& url, bool signs_in = false) {
    UserApiTarget target{.url = url};
    if (signs_in) target.token_file = folder_ / "user.token";
    auto client = UserApiClient::create(std::move(target), hurried_, random_of_client_);
    EXPECT_TRUE(client.ok());
    return *std::move(client);
  }

  std::filesystem::path folder_;
  HurriedClock hurried_;
  base::SeededRandom random_of_client_{1};
};

TEST_F(UserApiClientTest, GivesUpOnAServerThatIsNotReachedAfterFiveTries) {
  const auto client = client_of("http://127.0.0.1:1/");
  int told = 0;
  client->on_again([&told](const std::string&) { ++told; });
  const auto answer = client->call({.path = "/v1/dags"});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason(), "unreachable");
  EXPECT_THAT(answer.error().message(), testing::HasSubstr("5 tries"));
  EXPECT_EQ(told, kApiTries - 1);
  using std::chrono::milliseconds;
  EXPECT_THAT(hurried_.slept, testing::ElementsAre(milliseconds(500), milliseconds(1000),
                                                   milliseconds(2000), milliseconds(4000)));
}

TEST_F(UserApiClientTest, RefusesATokenThatOthersMayReadWithoutTryingAgain) {
  ASSERT_TRUE(auth::write_secret_file(folder_ / "user.token", server::Secret("t"), 0600).ok());
  std::filesystem::permissions(folder_ / "user.token", std::filesystem::perms(0644));
  const auto answer =
      client_of("http://127.0.0.1:1", /*signs_in=*/true)->call({.path = "/v1/dags"});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason(), "file_exposed");
  EXPECT_TRUE(hurried_.slept.empty());
}

TEST_F(UserApiClientTest, RepeatsAPostThatWasNotServedUnderOneKey) {
  std::vector<std::string> keys;
  router_.add({"POST", "/v1/run", [&keys](const server::HttpRequest& request) {
                 keys.emplace_back(request.header("idempotency-key").value_or(""));
                 if (keys.size() == 1) {
                   return server::HttpResponse{.status = 503, .headers = {{"Retry-After", "3"}}};
                 }
                 return server::HttpResponse{.status = 202, .body = "{}"};
               }});
  start();
  const auto client = client_of("http://127.0.0.1:" + std::to_string(server_->port()));
  const auto answer = client->call({.method = "POST", .path = "/v1/run"});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->status, 202);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_FALSE(keys[0].empty());
  EXPECT_THAT(hurried_.slept, testing::ElementsAre(std::chrono::seconds(3)));
}

TEST_F(UserApiClientTest, SignsInAgainWithATokenThatWasRenewedMeanwhile) {
  const std::filesystem::path file = folder_ / "user.token";
  ASSERT_TRUE(auth::write_secret_file(file, server::Secret("old"), 0600).ok());
  std::vector<std::string> seen;
  router_.add({"GET", "/v1/dags", [&seen, file](const server::HttpRequest& request) {
                 seen.emplace_back(request.header("authorization").value_or(""));
                 if (seen.back() == "Bearer new") return server::HttpResponse{.body = "{}"};
                 EXPECT_TRUE(auth::write_secret_file(file, server::Secret("new"), 0600).ok());
                 return server::HttpResponse{.status = 401};
               }});
  start();
  const auto client =
      client_of("http://127.0.0.1:" + std::to_string(server_->port()), /*signs_in=*/true);
  const auto answer = client->call({.path = "/v1/dags"});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(seen, testing::ElementsAre("Bearer old", "Bearer new"));
  EXPECT_TRUE(hurried_.slept.empty());
}

}  // namespace
}  // namespace weir::cli
