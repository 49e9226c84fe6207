// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_server.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "server/system_clock.h"
#include "tests/unit/server/http/http_client.h"
#include "tests/unit/server/signal_gate.h"

namespace weir::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::MatchesRegex;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    const auto echo = [](const HttpRequest& request) {
      return HttpResponse{.content_type = "text/plain", .body = request.body};
    };
    router_.add({"GET", "/hello", [](const HttpRequest& request) {
                   return HttpResponse{.content_type = "text/plain",
                                       .body = "hello " + request.query_value("name").value_or("")};
                 }});
    router_.add({"POST", "/echo", echo, 1000});
    router_.add({"PUT", "/echo", echo, 1000});
    router_.add({"GET", "/fails", [](const HttpRequest&) -> Result<HttpResponse> {
                   return base::unavailable("graph_unavailable", "the store is away");
                 }});
    router_.add({"GET", "/inside", [](const HttpRequest&) -> Result<HttpResponse> {
                   return base::internal("SELECT secret FROM table");
                 }});
    router_.add({"GET", "/throws", [](const HttpRequest&) -> Result<HttpResponse> {
                   throw std::runtime_error("secret");
                 }});
    router_.add({"GET", "/gate", [this](const HttpRequest&) {
                   gate_.pass();
                   return HttpResponse{.body = "\"passed\""};
                 }});
    router_.add(
        {"GET", "/nothing", [](const HttpRequest&) { return HttpResponse{.status = 204}; }});
    router_.add({"GET", "/trace", [](const HttpRequest& request) {
                   return HttpResponse{.body = std::string(ScopedTrace::current()) + " " +
                                               request.trace.trace_id.text() + " " + request.peer};
                 }});
    router_.add({"GET", "/large", [](const HttpRequest&) {
                   return HttpResponse{.body = std::string(std::size_t{8} << 20, 'x')};
                 }});
  }
  ~HttpServerTest() override { gate_.open(); }

  void start(HttpServerConfig config = {}) {
    Result<std::unique_ptr<HttpServer>> made = HttpServer::create(config, router_, {random_, log_});
    ASSERT_TRUE(made.ok());
    server_ = *std::move(made);
    const Result<void> started = server_->start();
    ASSERT_TRUE(started.ok()) << started.error().describe();
    ASSERT_NE(server_->port(), 0);
  }

  /// The problem of an answer, checked against what every problem has.
  static nlohmann::json problem(const SeenResponse& seen) {
    EXPECT_EQ(seen.field("content-type"), "application/problem+json");
    nlohmann::json body = nlohmann::json::parse(seen.body, nullptr, false);
    EXPECT_TRUE(body.is_object()) << seen.head << seen.body;
    if (!body.is_object()) return nlohmann::json::object();
    EXPECT_EQ(body["status"], seen.status);
    EXPECT_EQ(body["type"], "urn:weir:problem:" + body["code"].get<std::string>());
    EXPECT_THAT(body["instance"].get<std::string>(),
                MatchesRegex("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                             "[0-9a-f]{12}"));
    return body;
  }

  /// One connection, one request: status and code of the problem.
  std::pair<int, std::string> refusal(std::string_view request) {
    HttpClient client(server_->port());
    const SeenResponse seen = client.ask(request);
    if (seen.status == 0) return {0, "closed"};
    return {seen.status, problem(seen)["code"]};
  }

  std::vector<std::string> log_lines() {
    const base::MutexLock lock(mutex_);
    return lines_;
  }

  SystemRandom random_;
  base::Mutex mutex_;
  std::vector<std::string> lines_ WEIR_GUARDED_BY(mutex_);
  Log log_{{.level = LogLevel::Debug, .form = LogForm::Json, .sink = [this](std::string_view line) {
              const base::MutexLock lock(mutex_);
              lines_.emplace_back(line);
            }}};
  Gate gate_;
  Router router_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  HttpClient client(server_->port());
  for (int round = 0; round < 3; ++round) {
    const SeenResponse seen = client.get("/hello?name=you%20two");
    EXPECT_EQ(seen.status, 200);
    EXPECT_EQ(seen.body, "hello you two");
    EXPECT_EQ(seen.field("content-type"), "text/plain");
    EXPECT_THAT(seen.field("date"), MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                                 "[0-9:]{8} GMT"));
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  HttpClient client(server_->port());
  std::string requests;
  for (int number = 0; number < 20; ++number) {
    requests += "GET /hello?name=" + std::to_string(number) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  ASSERT_TRUE(client.send(requests));
  for (int number = 0; number < 20; ++number) {
    EXPECT_EQ(client.read().body, "hello " + std::to_string(number));
  }
}

TEST_F(HttpServerTest, ClosesWhenTheClientAsksForIt) {
  start();
  HttpClient client(server_->port());
  const SeenResponse seen =
      client.ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(seen.status, 200);
  EXPECT_EQ(seen.field("connection"), "close");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServerTest, ServesHttp10WithoutAHost) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.ask("GET /hello HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthAndNoBody) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("HEAD /hello?name=you HTTP/1.1\r\nHost: x\r\n\r\n"));
  const SeenResponse head = client.read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), "9");
  EXPECT_EQ(client.get("/hello?name=me").body, "hello me");
  ASSERT_TRUE(client.send("HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.read(true).status, 404);
  EXPECT_EQ(client.get("/hello?name=me").body, "hello me");
}

TEST_F(HttpServerTest, SendsNoBodyWithStatus204) {
  start();
  HttpClient client(server_->port());
  const SeenResponse seen = client.get("/nothing");
  EXPECT_EQ(seen.status, 204);
  EXPECT_EQ(seen.field("content-length"), "(none)");
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, TakesWholeUrlsAndEncodedPaths) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("http://elsewhere/hello?name=a").body, "hello a");
  EXPECT_EQ(client.get("/h%65llo?name=a+b&x").body, "hello a b");
  EXPECT_EQ(client.get("http://elsewhere").status, 404);
}

TEST_F(HttpServerTest, RefusesUnknownPathsAndKeepsTheConnection) {
  start();
  HttpClient client(server_->port());
  const SeenResponse seen = client.get("/none?x=1");
  EXPECT_EQ(seen.status, 404);
  EXPECT_EQ(problem(seen)["code"], "no_such_route");
  EXPECT_EQ(problem(seen)["title"], "No such route");
  EXPECT_EQ(problem(seen)["detail"], "nothing is served at /none");
  EXPECT_EQ(client.get("/hello/").status, 404);
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, RefusesOtherMethodsWithTheOnesItTakes) {
  start();
  HttpClient client(server_->port());
  const SeenResponse seen = client.ask("DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(seen.status, 405);
  EXPECT_EQ(seen.field("allow"), "POST, PUT");
  EXPECT_EQ(problem(seen)["code"], "method_not_allowed");
  const SeenResponse strange = client.ask("BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(strange.status, 405);
  EXPECT_EQ(strange.field("allow"), "GET, HEAD");
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, TakesBodiesByLengthAndInChunks) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde").body,
            "abcde");
  EXPECT_EQ(client
                .ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                .body,
            "abcde");
  const std::string whole(1000, 'x');
  EXPECT_EQ(
      client.ask("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + whole).body,
      whole);
}

TEST_F(HttpServerTest, RefusesBodiesOverTheBoundOfTheirRoute) {
  start();
  const std::string body(1001, 'x');
  for (const std::string& request :
       {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + body,
        std::string("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n"),
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body +
            "\r\n0\r\n\r\n"}) {
    HttpClient client(server_->port());
    const SeenResponse seen = client.ask(request);
    EXPECT_EQ(seen.status, 413);
    EXPECT_EQ(problem(seen)["code"], "body_too_large");
    EXPECT_THAT(problem(seen)["detail"].get<std::string>(), HasSubstr("1000 bytes"));
    EXPECT_EQ(seen.field("connection"), "close");
    client.end_sending();
    EXPECT_TRUE(client.is_closed());
  }
}

TEST_F(HttpServerTest, LetsTheAnswerReachAClientThatStillSends) {
  start();
  HttpClient client(server_->port());
  // More than fits into the sockets' buffers would block here if nobody read it.
  std::thread sender([&client] {
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" +
                std::string(500'000, 'x'));
    client.end_sending();
  });
  const SeenResponse seen = client.read();
  sender.join();
  EXPECT_EQ(seen.status, 413);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServerTest, AsksForABodyThatWaitsToBeAskedFor) {
  start();
  HttpClient client(server_->port());
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ";
  EXPECT_EQ(client.ask(head + "3\r\n\r\n").status, 100);
  EXPECT_EQ(client.ask("abc").body, "abc");
  EXPECT_EQ(client.ask(head + "3000\r\n\r\n").status, 413);
}

TEST_F(HttpServerTest, RefusesMalformedRequests) {
  start();
  for (const std::string request : {
           "nonsense\r\n\r\n",
           "GET /hello HTTP/9.9\r\nHost: x\r\n\r\n",
           "GET  HTTP/1.1\r\nHost: x\r\n\r\n",
           "GET /hello HTTP/1.1\r\nHost x\r\n\r\n",
           "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n",
           "GET /hello HTTP/1.1\r\n\r\n",
           "GET /hel%6 HTTP/1.1\r\nHost: x\r\n\r\n",
           "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
           "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\x01\r\n\r\n",
       }) {
    EXPECT_EQ(refusal(request), std::pair(400, std::string("malformed_request"))) << request;
  }
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, RefusesOtherTransferCodings) {
  start();
  for (const std::string coding : {"gzip", "gzip, chunked", "identity"}) {
    EXPECT_EQ(refusal("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding +
                      "\r\n\r\n0\r\n\r\n"),
              std::pair(501, std::string("transfer_encoding_unsupported")))
        << coding;
  }
}

TEST_F(HttpServerTest, RefusesHugeHeaders) {
  start();
  const std::pair<int, std::string> too_large = {431, "headers_too_large"};
  EXPECT_EQ(refusal("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(17 << 10, 'a')),
            too_large);
  EXPECT_EQ(refusal("GET /" + std::string(17 << 10, 'a')), too_large);
  std::string many = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  for (int field = 0; field < 3000; ++field) many += "X-" + std::to_string(field) + ": y\r\n";
  EXPECT_EQ(refusal(many + "\r\n"), too_large);
  HttpClient client(server_->port());
  EXPECT_EQ(
      client.ask("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(15 << 10, 'a') + "\r\n\r\n")
          .status,
      200);
}

TEST_F(HttpServerTest, ClosesOnClientsThatAreTooSlow) {
  start({.read_timeout = milliseconds(50), .idle_timeout = milliseconds(50)});
  HttpClient silent(server_->port());
  HttpClient slow_head(server_->port());
  HttpClient slow_body(server_->port());
  ASSERT_TRUE(slow_head.send("GET /hel"));
  ASSERT_TRUE(slow_body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"));
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(slow_head.is_closed());
  EXPECT_TRUE(slow_body.is_closed());
  // A busy machine may make a good client too slow as well, but not always.
  int status = 0;
  for (int attempt = 0; attempt < 100 && status == 0; ++attempt) {
    status = HttpClient(server_->port()).get("/hello").status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, DropsAClientThatDoesNotReadItsAnswer) {
  start({.connections_max = 1, .write_timeout = milliseconds(50)});
  HttpClient deaf(server_->port());
  ASSERT_TRUE(deaf.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  // Served once the deaf one has been given up, as only one connection is allowed.
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, SurvivesClientsThatLeaveInTheMiddle) {
  start();
  for (const std::string request :
       {"", "GET /he", "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na"}) {
    for (int round = 0; round < 20; ++round) {
      HttpClient client(server_->port());
      client.send(request);
    }
  }
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(HttpServerTest, WordsTheErrorsOfHandlers) {
  start();
  HttpClient client(server_->port());
  const SeenResponse away = client.get("/fails");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.field("retry-after"), "1");
  EXPECT_EQ(problem(away)["code"], "graph_unavailable");
  EXPECT_EQ(problem(away)["detail"], "the store is away");
}

TEST_F(HttpServerTest, TellsNothingOfTheInsideButLogsIt) {
  start();
  HttpClient client(server_->port());
  for (const std::string path : {"/inside", "/throws"}) {
    const SeenResponse seen = client.get(path);
    EXPECT_EQ(seen.status, 500);
    const nlohmann::json body = problem(seen);
    EXPECT_EQ(body["code"], "internal");
    EXPECT_THAT(seen.body, testing::Not(HasSubstr("secret")));
    const std::string id = body["instance"].get<std::string>().substr(9);
    EXPECT_THAT(log_lines(), testing::Contains(testing::AllOf(HasSubstr("secret"), HasSubstr(id))));
  }
}

TEST_F(HttpServerTest, ContinuesTheCallersTraceIntoHandlersAndLog) {
  start();
  HttpClient client(server_->port());
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  const SeenResponse seen = client.ask("GET /trace HTTP/1.1\r\nHost: x\r\nTraceparent: 00-" + id +
                                       "-b7ad6b7169203331-01\r\n\r\n");
  EXPECT_THAT(seen.body, testing::StartsWith(id + " " + id + " 127.0.0.1:"));
  EXPECT_THAT(log_lines(),
              testing::Contains(testing::AllOf(HasSubstr("\"path\":\"/trace\""),
                                               HasSubstr("\"status\":200"), HasSubstr(id))));
  EXPECT_THAT(client.get("/trace").body, MatchesRegex("([0-9a-f]{32}) [0-9a-f]{32} .*"));
}

TEST_F(HttpServerTest, KeepsOthersWaitingAtItsConnectionBound) {
  start({.connections_max = 2});
  HttpClient first(server_->port());
  auto second = std::make_unique<HttpClient>(server_->port());
  EXPECT_EQ(first.get("/hello").status, 200);
  EXPECT_EQ(second->get("/hello").status, 200);
  HttpClient third(server_->port());
  ASSERT_TRUE(third.send("GET /hello?name=third HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(first.get("/hello").status, 200);
  second.reset();
  EXPECT_EQ(third.read().body, "hello third");
}

TEST_F(HttpServerTest, KeepsAnsweringWhileHandlersBlock) {
  start({.handler_threads = 2});
  HttpClient blocked(server_->port());
  ASSERT_TRUE(blocked.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(gate_.await_arrivals(1));
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/hello").status, 200);
  gate_.open();
  EXPECT_EQ(blocked.read().body, "\"passed\"");
}

TEST_F(HttpServerTest, FinishesRequestsInFlightWhenItStops) {
  start();
  HttpClient busy(server_->port());
  HttpClient idle(server_->port());
  ASSERT_EQ(idle.get("/hello").status, 200);
  ASSERT_TRUE(busy.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(gate_.await_arrivals(1));
  const std::uint16_t port = server_->port();
  std::thread stopper([this] { server_->stop(seconds(20)); });
  EXPECT_TRUE(idle.is_closed());  // the stop has begun
  EXPECT_FALSE(HttpClient(port).connected());
  gate_.open();
  const SeenResponse seen = busy.read();
  EXPECT_EQ(seen.body, "\"passed\"");
  EXPECT_EQ(seen.field("connection"), "close");
  EXPECT_TRUE(busy.is_closed());
  stopper.join();
  server_->stop();
}

TEST_F(HttpServerTest, CutsWhatIsStillOpenWhenItsTimeIsUp) {
  start({.handler_threads = 1});
  HttpClient deaf(server_->port());
  ASSERT_TRUE(deaf.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  HttpClient client(server_->port());
  ASSERT_EQ(client.get("/hello").status, 200);  // the one worker is done with the large answer
  server_->stop(milliseconds(20));
}

TEST_F(HttpServerTest, StopsTwiceAndBeforeStart) {
  Result<std::unique_ptr<HttpServer>> made = HttpServer::create({}, router_, {random_, log_});
  ASSERT_TRUE(made.ok());
  (*made)->stop();
  (*made)->stop();
  EXPECT_FALSE((*made)->start().ok());
}

TEST_F(HttpServerTest, StartsAndStopsManyTimesUnderLoad) {
  for (int round = 0; round < 30; ++round) {
    start();
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; ++caller) {
      callers.emplace_back([port = server_->port()] {
        for (int number = 0; number < 5; ++number) {
          HttpClient client(port);
          if (client.connected()) (void)client.get("/hello");
        }
      });
    }
    server_->stop(milliseconds(round % 3));
    for (std::thread& caller : callers) caller.join();
  }
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  start();
  Result<std::unique_ptr<HttpServer>> second =
      HttpServer::create({.address = {.port = server_->port()}}, router_, {random_, log_});
  ASSERT_TRUE(second.ok());
  const Result<void> started = (*second)->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), Code::Unavailable);
  EXPECT_EQ(started.error().reason(), "listen_failed");
  EXPECT_EQ(started.error().message(),
            "listen on 127.0.0.1:" + std::to_string(server_->port()) + ": Address already in use");
}

TEST_F(HttpServerTest, RefusesAConfigurationThatCannotWork) {
  EXPECT_FALSE(HttpServer::create({.handler_threads = 0}, {}, {random_, log_}).ok());
  EXPECT_FALSE(HttpServer::create({.connections_max = 0}, {}, {random_, log_}).ok());
}

}  // namespace
}  // namespace weir::server
