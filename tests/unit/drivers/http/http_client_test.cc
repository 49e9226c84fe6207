// SPDX-License-Identifier: Apache-2.0
#include "drivers/http/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/text.h"
#include "tests/unit/server/http/http_fixture.h"

namespace weir::http {
namespace {

using server::BodyReader;
using server::BodyWriter;
using server::Handover;
using server::HttpFixture;
using server::HttpRequest;
using server::HttpResponse;
using server::Responder;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::string code_of(const Result<Reply>& reply) {
  return reply.ok()
             ? "status " + std::to_string(reply->status)
             : std::string(base::code_name(reply.error().code())) + " " + reply.error().reason();
}

class HttpClientTest : public HttpFixture {
 protected:
  HttpClientTest() {
    router_.add({"GET", "/hello", [](const HttpRequest& request) {
                   return HttpResponse{.body = "hello " + request.query_value("name").value_or("")};
                 }});
    for (const std::string method : {"POST", "PUT", "DELETE", "GET"}) {
      router_.add(
          {method, "/echo/{name}",
           [](const HttpRequest& request) {
             return HttpResponse{
                 .status = 202,
                 .body = request.method + " " + request.param("name") + " " + request.body,
                 .headers = {{"X-Field", std::string(request.header("x-field").value_or("-"))}}};
           },
           kMiB});
    }
    router_.add({"GET", "/peer",
                 [](const HttpRequest& request) { return HttpResponse{.body = request.peer}; }});
    router_.add({"GET", "/fields", [](const HttpRequest& request) {
                   std::string names;
                   for (const auto& header : request.headers) names += header.name + " ";
                   return HttpResponse{.body = names};
                 }});
    router_.add({"GET", "/elsewhere", [](const HttpRequest&) {
                   return HttpResponse{.status = 302, .headers = {{"Location", "/hello"}}};
                 }});
    router_.add({"GET", "/large",
                 [](const HttpRequest&) { return HttpResponse{.body = std::string(kMiB, 'x')}; }});
    for (const std::string method : {"GET", "POST"}) {
      router_.add({method, "/later", [this](const HttpRequest&, Responder responder) {
                     waiting_.give(std::move(responder));
                   }});
    }
    router_.add({"PUT", "/count",
                 [](const HttpRequest&, BodyReader reader, Responder responder) {
                   std::size_t bytes = 0;
                   for (;;) {
                     Result<std::string> block = reader.read();
                     if (!block.ok()) return responder.answer(block.error());
                     if (block->empty()) break;
                     bytes += block->size();
                   }
                   responder.answer(HttpResponse{.body = std::to_string(bytes)});
                 },
                 std::uint64_t{4} << 30});
    router_.add({"PUT", "/refused",
                 [](const HttpRequest&, const BodyReader&, Responder responder) {
                   responder.answer(Error(Code::PermissionDenied, "forbidden", "not yours"));
                 },
                 std::uint64_t{4} << 30});
    router_.add({"GET", "/rows", [](const HttpRequest&, const BodyReader&, Responder responder) {
                   BodyWriter writer = responder.begin({});
                   for (int row = 0; row < 512; ++row) {
                     if (!writer.write(std::string(64 * 1024, 'r')).ok()) return;
                   }
                   static_cast<void>(writer.finish());
                 }});
    router_.add({"GET", "/cut", [](const HttpRequest&, Responder responder) {
                   BodyWriter writer = responder.begin({});
                   static_cast<void>(writer.write("a part"));
                 }});
  }

  std::string base() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  std::unique_ptr<HttpClient> client(HttpClientConfig config = {}) {
    if (config.base.empty()) config.base = base();
    Result<std::unique_ptr<HttpClient>> made = HttpClient::create(std::move(config), clock_);
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }

  const server::SystemClock clock_;
  Handover<Responder> waiting_;
};

TEST_F(HttpClientTest, SendsAnyMethodWithFieldsAndBody) {
  start();
  const auto asking = client();
  for (const std::string method : {"POST", "PUT", "DELETE", "GET"}) {
    const Result<Reply> reply =
        asking->request({.method = method,
                         .path = "/echo/" + base::percent_encode("a/b c"),
                         .headers = {{"X-Field", "value"}, {"X-Empty", ""}},
                         .body = method == "PUT" ? std::string("bo\0dy", 5) : ""});
    ASSERT_TRUE(reply.ok()) << reply.error().describe();
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(reply->body, method + " a/b c " + (method == "PUT" ? std::string("bo\0dy", 5) : ""));
    EXPECT_EQ(reply->header("x-field"), "value");
    EXPECT_EQ(reply->header("x-none"), std::nullopt);
  }
  const Result<Reply> head = asking->request({.method = "HEAD", .path = "/hello"});
  EXPECT_EQ(code_of(head), "status 200");
  EXPECT_EQ(code_of(asking->request({.path = "/none"})), "status 404");
}

TEST_F(HttpClientTest, AddsNoFieldsOfItsOwn) {
  start();
  const Result<Reply> reply = client()->request({.path = "/fields"});
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->body, "Host ");
}

TEST_F(HttpClientTest, KeepsItsConnection) {
  start();
  const auto asking = client();
  const Result<Reply> first = asking->request({.path = "/peer"});
  ASSERT_TRUE(first.ok());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(asking->request({.method = "POST", .path = "/echo/x", .body = "b"}).ok());
    const Result<Reply> next = asking->request({.path = "/peer"});
    ASSERT_TRUE(next.ok());
    EXPECT_EQ(next->body, first->body);
  }
}

TEST_F(HttpClientTest, SpeaksOverAUnixSocket) {
  const server::TestFolder folder;
  start({.address = {.path = folder / "sock"}});
  const auto asking = client({.base = "unix:" + (folder / "sock")});
  const Result<Reply> reply = asking->request({.path = "/hello?name=you%20two"});
  ASSERT_TRUE(reply.ok()) << reply.error().describe();
  EXPECT_EQ(reply->body, "hello you two");
  server_->stop();
  EXPECT_EQ(code_of(asking->request({.method = "POST", .path = "/echo/x"})),
            "UNAVAILABLE http_unreachable");
}

TEST_F(HttpClientTest, FollowsNoRedirect) {
  start();
  const Result<Reply> reply = client()->request({.path = "/elsewhere"});
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->status, 302);
  EXPECT_EQ(reply->header("location"), "/hello");
}

TEST_F(HttpClientTest, UsesNoProxyOfTheEnvironment) {
  start();
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  EXPECT_EQ(code_of(client()->request({.path = "/hello"})), "status 200");
  unsetenv("http_proxy");
}

TEST_F(HttpClientTest, SaysThatNothingWasSent) {
  start();
  const auto asking = client();
  server_->stop();
  const Result<Reply> reply = asking->request({.method = "POST", .path = "/echo/x", .body = "b"});
  EXPECT_EQ(code_of(reply), "UNAVAILABLE http_unreachable");
}

TEST_F(HttpClientTest, ComesBackWithTheServer) {
  start();
  const std::uint16_t port = server_->port();
  const auto asking = client();
  ASSERT_EQ(code_of(asking->request({.path = "/hello"})), "status 200");
  server_->stop();
  start({.address = {.port = port}});
  EXPECT_EQ(code_of(asking->request({.method = "POST", .path = "/echo/x"})), "status 202");
}

TEST_F(HttpClientTest, SaysThatTheReplyIsLost) {
  start();
  const auto asking = client();
  Result<Reply> reply = base::internal("not asked");
  std::thread asker([&asking, &reply] {
    reply = asking->request({.method = "POST", .path = "/later", .body = "body"});
  });
  std::optional<Responder> responder = waiting_.take();
  ASSERT_TRUE(responder.has_value());
  server_->stop(milliseconds(1));
  asker.join();
  EXPECT_EQ(code_of(reply), "UNAVAILABLE http_reply_lost");
}

/// A server that answers the first request of its first connection, and closes after the second.
class Forgetful {
 public:
  Forgetful() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* where = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, where, size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, where, &size), 0);
    base_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] {
      const int peer = accept(listener_, nullptr, nullptr);
      read_head(peer);
      say_ok(peer);
      read_head(peer);
      close(peer);
    });
  }
  ~Forgetful() {
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  Forgetful(const Forgetful&) = delete;
  Forgetful& operator=(const Forgetful&) = delete;

  const std::string& base() const { return base_; }

  /// True if somebody has sent a request again, whose call has ended: libcurl may have connected,
  /// but must have closed without a byte.
  bool is_asked_again() {
    thread_.join();
    pollfd again = {listener_, POLLIN, 0};
    if (poll(&again, 1, 0) != 1) return false;
    const int peer = accept(listener_, nullptr, nullptr);
    char letter = 0;
    const bool asked = recv(peer, &letter, 1, 0) != 0;
    close(peer);
    return asked;
  }

  /// Answers whoever connects next.
  void answer_next() {
    thread_.join();
    thread_ = std::thread([this] {
      const int peer = accept(listener_, nullptr, nullptr);
      read_head(peer);
      say_ok(peer);
      close(peer);
    });
  }

 private:
  static void read_head(int peer) {
    std::string head;
    char letter = 0;
    while (!head.ends_with("\r\n\r\n") && recv(peer, &letter, 1, 0) == 1) head += letter;
  }
  static void say_ok(int peer) {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    EXPECT_EQ(send(peer, answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
  }

  int listener_;
  std::string base_;
  std::thread thread_;
};

TEST_F(HttpClientTest, SendsNothingTwiceThatMayHaveChangedSomething) {
  for (const std::string body : {"", "body"}) {
    Forgetful server;
    const auto asking = client({.base = server.base()});
    ASSERT_EQ(code_of(asking->request({.path = "/"})), "status 200");
    EXPECT_EQ(code_of(asking->request({.method = "POST", .path = "/", .body = body})),
              "UNAVAILABLE http_reply_lost");
    EXPECT_FALSE(server.is_asked_again());
  }
}

TEST_F(HttpClientTest, AsksAgainForWhatOnlyReads) {
  Forgetful server;
  const auto asking = client({.base = server.base()});
  ASSERT_EQ(code_of(asking->request({.path = "/"})), "status 200");
  std::string seen;
  std::thread asker([&] { seen = code_of(asking->request({.path = "/"})); });
  server.answer_next();
  asker.join();
  EXPECT_EQ(seen, "status 200");
}

TEST_F(HttpClientTest, SaysThatAnAnswerWasCutShort) {
  start();
  EXPECT_EQ(code_of(client()->request({.path = "/cut"})), "UNAVAILABLE http_reply_lost");
}

TEST_F(HttpClientTest, GivesUpAtTheDeadline) {
  start();
  const auto asking = client({.total_timeout = milliseconds(30)});
  EXPECT_EQ(code_of(asking->request({.path = "/later"})), "DEADLINE_EXCEEDED http_timeout");
  ASSERT_TRUE(waiting_.take().has_value());
  const Result<Reply> longer =
      asking->request({.path = "/hello", .total_timeout = milliseconds(20'000)});
  EXPECT_EQ(code_of(longer), "status 200");
}

TEST_F(HttpClientTest, EndsALongPollAtOnceWhenCancelled) {
  start();
  const auto asking = client();
  CancelFlag cancel;
  Result<Reply> reply = base::internal("not asked");
  std::thread asker([&] {
    reply = asking->request({.path = "/later", .total_timeout = seconds(600), .cancel = &cancel});
  });
  std::optional<Responder> responder = waiting_.take();
  ASSERT_TRUE(responder.has_value());
  Handover<bool> gone;
  responder->when_hurried([&gone] { gone.give(true); });
  cancel.set();
  asker.join();
  EXPECT_EQ(code_of(reply), "CANCELLED http_cancelled");
  EXPECT_EQ(gone.take(), true);
  EXPECT_EQ(code_of(asking->request({.path = "/hello", .cancel = &cancel})),
            "CANCELLED http_cancelled");
  EXPECT_EQ(code_of(asking->request({.path = "/hello"})), "status 200");
}

TEST_F(HttpClientTest, CancelsACallThatWaitsForAConnection) {
  start();
  const auto asking = client({.connections_max = 1, .waiters_max = 1});
  std::thread first(
      [&asking] { EXPECT_EQ(code_of(asking->request({.path = "/later"})), "status 200"); });
  std::optional<Responder> responder = waiting_.take();
  ASSERT_TRUE(responder.has_value());
  EXPECT_EQ(code_of(asking->request({.path = "/hello", .total_timeout = milliseconds(20)})),
            "DEADLINE_EXCEEDED http_timeout");
  CancelFlag cancel;
  std::thread second([&asking, &cancel] {
    EXPECT_EQ(code_of(asking->request({.path = "/hello", .cancel = &cancel})),
              "CANCELLED http_cancelled");
  });
  cancel.set();
  second.join();
  responder->answer(HttpResponse{});
  first.join();
}

TEST_F(HttpClientTest, RefusesMoreCallersThanMayWait) {
  start();
  const auto asking = client({.connections_max = 1, .waiters_max = 0});
  std::thread first(
      [&asking] { EXPECT_EQ(code_of(asking->request({.path = "/later"})), "status 200"); });
  std::optional<Responder> responder = waiting_.take();
  ASSERT_TRUE(responder.has_value());
  EXPECT_EQ(code_of(asking->request({.path = "/hello"})), "RESOURCE_EXHAUSTED http_client_busy");
  responder->answer(HttpResponse{});
  first.join();
}

TEST_F(HttpClientTest, ServesManyThreadsOverFewConnections) {
  start();
  const auto asking = client({.connections_max = 3});
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&asking, caller] {
      for (int round = 0; round < 20; ++round) {
        const std::string name = std::to_string(caller) + "x" + std::to_string(round);
        const Result<Reply> reply =
            asking->request({.method = "POST", .path = "/echo/" + name, .body = name});
        ASSERT_TRUE(reply.ok()) << reply.error().describe();
        EXPECT_EQ(reply->body, "POST " + name + " " + name);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(HttpClientTest, BoundsAnAnswerInMemory) {
  start();
  const auto asking = client({.body_bytes_max = kMiB - 1});
  EXPECT_EQ(code_of(asking->request({.path = "/large"})), "RESOURCE_EXHAUSTED http_body_too_large");
  EXPECT_EQ(code_of(client({.body_bytes_max = kMiB})->request({.path = "/large"})), "status 200");
}

TEST_F(HttpClientTest, SendsABodyFromASource) {
  start();
  const auto asking = client();
  for (const bool known : {false, true}) {
    std::size_t left = 64 * kMiB;
    Call call{.method = "PUT", .path = "/count", .source = [&left](std::span<char> room) {
                const std::size_t given = std::min(left, room.size());
                std::fill_n(room.begin(), given, 'x');
                left -= given;
                return Result<std::size_t>(given);
              }};
    if (known) call.source_bytes = left;
    const Result<Reply> reply = asking->request(call);
    ASSERT_TRUE(reply.ok()) << reply.error().describe();
    EXPECT_EQ(reply->body, std::to_string(64 * kMiB));
  }
}

TEST_F(HttpClientTest, SendsAFile) {
  start();
  const server::TestFolder folder;
  std::ofstream(folder / "rows") << std::string(3 * kMiB, 'x');
  const int file = open((folder / "rows").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  const Result<Reply> reply =
      client()->request({.method = "PUT", .path = "/count", .source = file_source(file)});
  close(file);
  ASSERT_TRUE(reply.ok()) << reply.error().describe();
  EXPECT_EQ(reply->body, std::to_string(3 * kMiB));
  EXPECT_EQ(
      code_of(client()->request({.method = "PUT", .path = "/count", .source = file_source(-1)})),
      "UNAVAILABLE read_failed");
}

TEST_F(HttpClientTest, LearnsOfARefusalWithoutSendingABodyOfASource) {
  start();
  std::size_t given = 0;
  const Result<Reply> reply = client()->request(
      {.method = "PUT", .path = "/refused", .source = [&given](std::span<char> room) {
         given += room.size();
         return Result<std::size_t>(room.size());
       }});
  EXPECT_EQ(code_of(reply), "status 403");
  EXPECT_LT(given, 64 * kMiB);
}

TEST_F(HttpClientTest, HandsAnAnswerToASink) {
  start();
  std::size_t got = 0;
  const BodySink sink = [&got](std::string_view block) {
    got += block.size();
    return Result<void>();
  };
  const auto asking = client({.body_bytes_max = 1024});
  const Result<Reply> reply = asking->request({.path = "/rows", .sink = sink});
  ASSERT_TRUE(reply.ok()) << reply.error().describe();
  EXPECT_EQ(got, 32 * kMiB);
  EXPECT_EQ(reply->body, "");
  got = 0;
  const Result<Reply> problem = asking->request({.path = "/none", .sink = sink});
  EXPECT_EQ(code_of(problem), "status 404");
  EXPECT_THAT(problem->body, HasSubstr("no_such_route"));
  EXPECT_EQ(got, 0U);
}

TEST_F(HttpClientTest, EndsWithTheErrorOfASinkOrSource) {
  start();
  const auto asking = client();
  EXPECT_EQ(
      code_of(asking->request({.path = "/rows",
                               .sink =
                                   [](std::string_view) {
                                     return Result<void>(base::unavailable("disk_full", "no room"));
                                   }})),
      "UNAVAILABLE disk_full");
  EXPECT_EQ(code_of(asking->request({.method = "PUT",
                                     .path = "/count",
                                     .source =
                                         [](std::span<char>) {
                                           return Result<std::size_t>(
                                               base::unavailable("disk_bad", "no bytes"));
                                         }})),
            "UNAVAILABLE disk_bad");
  EXPECT_EQ(code_of(asking->request({.path = "/hello"})), "status 200");
}

TEST_F(HttpClientTest, RefusesCallsThatCouldSmuggleLines) {
  start();
  const auto asking = client();
  for (const Call& call : std::vector<Call>{
           {.method = "GET /x"},
           {.method = ""},
           {.path = "hello"},
           {.path = "/a b"},
           {.path = "/a\r\nX: y"},
           {.path = "/a#b"},
           {.headers = {{"X: y", "z"}}},
           {.headers = {{"", "z"}}},
           {.headers = {{"X", "y\r\nZ: a"}}},
           {.body = "b", .source = [](std::span<char>) { return Result<std::size_t>(0U); }},
       }) {
    EXPECT_EQ(code_of(asking->request(call)), "INVALID_ARGUMENT bad_call") << call.path;
  }
}

TEST(HttpClientConfig, RefusesBasesThatAreNoServer) {
  for (const std::string base : {"", "ftp://host", "http://", "https://", "https://user@host",
                                 "http://user@host", "http://host/path", "http://ho st",
                                 "http://host?x", "unix:relative", "unix:", "ftp://host"}) {
    EXPECT_EQ(HttpClientConfig{.base = base}.validate().error().reason(), "bad_base") << base;
  }
  EXPECT_FALSE(
      HttpClientConfig{.base = "unix:/" + std::string(kSocketPathBytesMax, 'x')}.validate().ok());
  EXPECT_FALSE(HttpClientConfig({.base = "http://host", .connections_max = 0}).validate().ok());
  for (const std::string base : {"http://127.0.0.1:80", "http://[::1]:80/", "unix:/run/x.sock"}) {
    EXPECT_TRUE(HttpClientConfig{.base = base}.validate().ok()) << base;
  }
}

}  // namespace
}  // namespace weir::http
