// SPDX-License-Identifier: Apache-2.0
#include "worker/http_dispatcher.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "server/http/http_server.h"
#include "server/system_clock.h"
#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

class HttpDispatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server::Router router;
    router.add({.method = "POST",
                .path = "/internal/heartbeat",
                .handler = server::HttpHandler([](const server::HttpRequest& request) {
                  server::HttpResponse response;
                  response.status = 409;
                  response.body = std::string(request.header("X-Trace-Worker-Token").value_or("")) +
                                  " " + request.body;
                  return Result<server::HttpResponse>(response);
                })});
    router.add({.method = "POST",
                .path = "/internal/wakeups",
                .handler = server::DeferredHandler(
                    [this](server::HttpRequest, server::Responder responder) {
                      polled_.set_value(std::make_unique<server::Responder>(std::move(responder)));
                    })});
    server::HttpServerConfig config;
    config.address.path = folder_ / "i.sock";
    auto server = server::HttpServer::create(config, std::move(router), {random_, log_});
    ASSERT_TRUE(server.ok());
    server_ = std::move(*server);
    ASSERT_TRUE(server_->start().ok());
    auto dispatcher =
        HttpDispatcher::create(folder_ / "i.sock", server::Secret("the-token"), clock_);
    ASSERT_TRUE(dispatcher.ok());
    dispatcher_ = std::move(*dispatcher);
  }

  TemporaryFolder folder_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  server::Log log_{{.level = server::LogLevel::Off}};
  std::promise<std::unique_ptr<server::Responder>> polled_;
  std::unique_ptr<server::HttpServer> server_;
  std::unique_ptr<HttpDispatcher> dispatcher_;
};

TEST_F(HttpDispatcherTest, SendsTheTokenAndGivesAnyStatus) {
  const auto reply = dispatcher_->post("/internal/heartbeat", "{}", std::chrono::seconds(10));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->status, 409);
  EXPECT_EQ(reply->body, "the-token {}");
}

TEST_F(HttpDispatcherTest, EndsAPollThatWaitsAndNoOtherRequest) {
  std::string reason;
  std::thread poller([&] {
    const auto reply = dispatcher_->poll("/internal/wakeups", "{}", std::chrono::seconds(60));
    reason = reply.ok() ? "answered" : reply.error().reason();
  });
  const auto responder = polled_.get_future().get();  // the poll waits there now
  dispatcher_->cancel_polls();
  poller.join();
  EXPECT_EQ(reason, "http_cancelled");
  EXPECT_FALSE(dispatcher_->poll("/internal/heartbeat", "{}", std::chrono::seconds(10)).ok());
  EXPECT_TRUE(dispatcher_->post("/internal/heartbeat", "{}", std::chrono::seconds(10)).ok());
}

TEST_F(HttpDispatcherTest, SaysThatNobodyListens) {
  server_->stop();
  EXPECT_FALSE(dispatcher_->post("/internal/heartbeat", "{}", std::chrono::seconds(10)).ok());
}

}  // namespace
}  // namespace weir::worker
