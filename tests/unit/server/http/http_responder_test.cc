// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_responder.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

#include "tests/unit/server/http/http_fixture.h"

namespace weir::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

const std::string kGetLater = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

class ResponderTest : public HttpFixture {
 protected:
  ResponderTest() {
    router_.add(
        {"GET", "/hello", [](const HttpRequest&) { return HttpResponse{.body = "hello"}; }});
    router_.add({"GET", "/later", [this](const HttpRequest&, Responder responder) {
                   waiting_.give(std::move(responder));
                 }});
    router_.add({"POST", "/later",
                 [this](HttpRequest request, Responder responder) {
                   body_.give(std::move(request.body));
                   waiting_.give(std::move(responder));
                 },
                 1000});
    router_.add({"GET", "/hurry", [this](const HttpRequest&, Responder responder) {
                   const auto kept = std::make_shared<Responder>(std::move(responder));
                   kept->when_hurried([this, weak = std::weak_ptr(kept)] {
                     const auto answering = weak.lock();
                     hurried_.give(answering->is_peer_gone());
                     answering->answer(HttpResponse{.body = "early"});
                   });
                   kept_.give(kept);
                 }});
    router_.add({"GET", "/dropped", [](const HttpRequest&, const Responder&) {}});
    router_.add({"GET", "/throws",
                 [](const HttpRequest&, const Responder&) { throw std::runtime_error("secret"); }});
  }

  /// The right to answer the request that just came.
  Responder taken() {
    std::optional<Responder> responder = waiting_.take();
    EXPECT_TRUE(responder.has_value());
    return *std::move(responder);
  }

  Handover<Responder> waiting_;
  Handover<std::string> body_;
  Handover<std::shared_ptr<Responder>> kept_;
  Handover<bool> hurried_;
};

TEST_F(ResponderTest, AnswersLaterFromAnotherThreadAndKeepsTheConnection) {
  start();
  HttpClient client(server_->port());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.send(kGetLater));
    Responder responder = taken();
    EXPECT_FALSE(responder.is_hurried());
    responder.answer(HttpResponse{.status = 201, .body = std::to_string(round)});
    const SeenResponse seen = client.read();
    EXPECT_EQ(seen.status, 201);
    EXPECT_EQ(seen.body, std::to_string(round));
  }
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST_F(ResponderTest, GivesTheBodyAndWordsAnError) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"));
  EXPECT_EQ(body_.take(), "body");
  taken().answer(base::not_found("no_such_task", "there is none"));
  const SeenResponse seen = client.read();
  EXPECT_EQ(seen.status, 404);
  EXPECT_THAT(seen.body, HasSubstr("\"no_such_task\""));
  const SeenResponse large =
      client.ask("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(large.status, 413);
}

TEST_F(ResponderTest, HoldsNoThreadWhileManyWait) {
  start({.handler_threads = 1});
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<Responder> responders;
  for (int number = 0; number < 50; ++number) {
    clients.push_back(std::make_unique<HttpClient>(server_->port()));
    ASSERT_TRUE(clients.back()->send(kGetLater));
    responders.push_back(taken());
  }
  EXPECT_EQ(HttpClient(server_->port()).get("/hello").status, 200);
  for (std::size_t number = 0; number < clients.size(); ++number) {
    responders[number].answer(HttpResponse{.body = std::to_string(number)});
    EXPECT_EQ(clients[number]->read().body, std::to_string(number));
  }
}

TEST_F(ResponderTest, AnswersPipelinedRequestsInOrder) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(kGetLater + kGetLater + "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  taken().answer(HttpResponse{.body = "first"});
  EXPECT_EQ(client.read().body, "first");
  taken().answer(HttpResponse{.body = "second"});
  EXPECT_EQ(client.read().body, "second");
  EXPECT_EQ(client.read().body, "hello");
}

TEST_F(ResponderTest, ServesWhatCameWhileARequestWaited) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(kGetLater));
  Responder responder = taken();
  ASSERT_TRUE(client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hel"));
  responder.answer(HttpResponse{.body = "first"});
  EXPECT_EQ(client.read().body, "first");
  EXPECT_EQ(client.read().body, "hello");
  EXPECT_EQ(client.ask("lo HTTP/1.1\r\nHost: x\r\n\r\n").body, "hello");
}

TEST_F(ResponderTest, TakesOnlySoMuchAheadOfAWaitingRequest) {
  start({.handler_threads = 1});
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(kGetLater));
  Responder responder = taken();
  // More than the connection and the kernel hold: the server must stop reading.
  const std::string flood(std::size_t{1} << 20, 'x');
  std::size_t sent = 0;
  std::size_t idle_rounds = 0;
  while (sent < (std::size_t{64} << 20) && idle_rounds < 3) {
    const std::size_t taken_now = client.offer(flood);
    sent += taken_now;
    // The answer of another connection says that the network thread went round.
    if (taken_now == 0) {
      ++idle_rounds;
      EXPECT_EQ(HttpClient(server_->port()).get("/hello").status, 200);
    }
  }
  EXPECT_LT(sent, std::size_t{32} << 20);
  responder.answer(HttpResponse{.body = "first"});
  EXPECT_EQ(client.read().body, "first");
}

TEST_F(ResponderTest, TellsOfAPeerThatLeavesWhileItsRequestWaits) {
  start();
  auto client = std::make_unique<HttpClient>(server_->port());
  ASSERT_TRUE(client->send("GET /hurry HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto kept = kept_.take();
  ASSERT_TRUE(kept.has_value());
  client.reset();
  EXPECT_EQ(hurried_.take(), true);
}

TEST_F(ResponderTest, TellsLateListenersAtOnce) {
  start();
  auto client = std::make_unique<HttpClient>(server_->port());
  ASSERT_TRUE(client->send("GET /hurry HTTP/1.1\r\nHost: x\r\n\r\n" + kGetLater));
  const auto kept = kept_.take();
  client->end_sending();
  ASSERT_EQ(hurried_.take(), true);
  Responder responder = taken();
  // Whether or not the end was read by now, an answer goes nowhere without harm.
  client.reset();
  Handover<bool> told;
  responder.when_hurried([&told] { told.give(true); });
  EXPECT_EQ(told.take(), true);
  EXPECT_TRUE(responder.is_peer_gone());
  responder.answer(HttpResponse{.body = "too late"});
}

TEST_F(ResponderTest, StillAnswersAPeerThatOnlyStoppedSending) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("GET /hurry HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto kept = kept_.take();
  ASSERT_TRUE(kept.has_value());
  client.end_sending();
  EXPECT_EQ(hurried_.take(), true);
  EXPECT_EQ(client.read().body, "early");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ResponderTest, AnswersItselfWhenDropped) {
  start();
  HttpClient client(server_->port());
  for (const std::string path : {"/dropped", "/throws"}) {
    const SeenResponse seen = client.get(path);
    EXPECT_EQ(seen.status, 500) << path;
    EXPECT_THAT(seen.body, testing::Not(HasSubstr("secret")));
  }
  ASSERT_TRUE(client.send(kGetLater));
  {
    Responder first = taken();
    ASSERT_TRUE(HttpClient(server_->port()).send(kGetLater));
    Responder second = taken();
    first = std::move(second);
  }
  EXPECT_EQ(client.read().status, 500);
}

TEST_F(ResponderTest, HurriesWaitingRequestsWhenTheServerStops) {
  start();
  HttpClient waiting(server_->port());
  HttpClient dropped(server_->port());
  ASSERT_TRUE(waiting.send("GET /hurry HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto kept = kept_.take();
  ASSERT_TRUE(kept.has_value());
  ASSERT_TRUE(dropped.send(kGetLater));
  std::optional<Responder> responder = waiting_.take();
  ASSERT_TRUE(responder.has_value());
  std::thread stopper([this] { server_->stop(seconds(20)); });
  const SeenResponse early = waiting.read();
  EXPECT_EQ(early.body, "early");
  EXPECT_EQ(early.field("connection"), "close");
  EXPECT_EQ(hurried_.take(), false);
  responder.reset();
  const SeenResponse draining = dropped.read();
  EXPECT_EQ(draining.status, 503);
  EXPECT_THAT(draining.body, HasSubstr("\"draining\""));
  stopper.join();
}

TEST_F(ResponderTest, OutlivesItsServer) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(kGetLater));
  Responder responder = taken();
  server_->stop(milliseconds(1));
  server_.reset();
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(responder.is_hurried());
  responder.answer(HttpResponse{.body = "nobody hears"});
}

TEST_F(ResponderTest, SurvivesStopsWhileOthersAnswer) {
  for (int round = 0; round < 10; ++round) {
    start();
    std::vector<std::unique_ptr<HttpClient>> clients;
    std::vector<Responder> responders;
    for (int number = 0; number < 8; ++number) {
      clients.push_back(std::make_unique<HttpClient>(server_->port()));
      ASSERT_TRUE(clients.back()->send(kGetLater));
      responders.push_back(taken());
    }
    std::thread answerer([&responders] {
      for (Responder& responder : responders) responder.answer(HttpResponse{.body = "now"});
    });
    server_->stop(milliseconds(round % 3));
    answerer.join();
  }
}

TEST_F(ResponderTest, StopsTheProgramOnASecondAnswer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(kGetLater));
  Responder responder = taken();
  responder.answer(HttpResponse{});
  EXPECT_DEATH(responder.answer(HttpResponse{}), "assertion failed");
}

}  // namespace
}  // namespace weir::server
