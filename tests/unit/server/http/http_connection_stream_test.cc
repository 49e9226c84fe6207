// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "server/limits.h"
#include "tests/unit/server/http/http_fixture.h"

namespace weir::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::string put(const std::string& path, const std::string& fields, const std::string& body = "") {
  return "PUT " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n\r\n" + body;
}

class StreamTest : public HttpFixture {
 protected:
  StreamTest() {
    router_.add(
        {"GET", "/hello", [](const HttpRequest&) { return HttpResponse{.body = "hello"}; }});
    router_.add({"PUT", "/count",
                 [this](const HttpRequest&, BodyReader reader, Responder responder) {
                   responder.answer(count(reader));
                 },
                 std::uint64_t{4} << 30});
    router_.add({"PUT", "/small",
                 [this](const HttpRequest&, BodyReader reader, Responder responder) {
                   responder.answer(count(reader));
                 },
                 1000});
    router_.add({"PUT", "/gated",
                 [this](const HttpRequest&, BodyReader reader, Responder responder) {
                   const Result<std::string> first = reader.read();
                   gate_.pass();
                   Result<HttpResponse> counted = count(reader, first.ok() ? first->size() : 0);
                   ended_.give(counted.ok() ? "whole" : counted.error().reason());
                   responder.answer(std::move(counted));
                 },
                 std::uint64_t{4} << 30});
    router_.add({"PUT", "/unread",
                 [](const HttpRequest&, const BodyReader&, Responder responder) {
                   responder.answer(Error(Code::PermissionDenied, "forbidden", "not yours"));
                 },
                 std::uint64_t{4} << 30});
    router_.add({"PUT", "/echo", [](const HttpRequest&, BodyReader reader, Responder responder) {
                   BodyWriter writer = responder.begin({.content_type = "text/plain"});
                   for (;;) {
                     Result<std::string> block = reader.read();
                     if (!block.ok()) return;
                     if (block->empty()) break;
                     if (!writer.write(*std::move(block)).ok()) return;
                   }
                   static_cast<void>(writer.finish());
                 }});
    router_.add(
        {"GET", "/rows", [this](const HttpRequest&, const BodyReader&, Responder responder) {
           BodyWriter writer = responder.begin({.content_type = "text/plain"});
           Result<void> written;
           for (std::size_t row = 0; row < rows_ && written.ok(); ++row) {
             written = writer.write(std::string(row_bytes_, 'r'));
             written_ += written.ok() ? row_bytes_ : 0;
           }
           if (written.ok()) written = writer.finish();
           ended_.give(written.ok() ? "whole" : written.error().reason());
         }});
    router_.add({"GET", "/cut", [](const HttpRequest&, Responder responder) {
                   BodyWriter writer = responder.begin({});
                   static_cast<void>(writer.write("a part"));
                 }});
    router_.add({"GET", "/events", [this](const HttpRequest&, Responder responder) {
                   events_.give(responder.begin({.content_type = "text/event-stream"}));
                 }});
  }
  ~StreamTest() override { gate_.open(); }

  /// Reads the body to its end and says how long it was.
  Result<HttpResponse> count(BodyReader& reader, std::size_t bytes = 0) {
    for (;;) {
      WEIR_TRY(const std::string block, reader.read());
      if (block.empty()) return HttpResponse{.body = std::to_string(bytes)};
      largest_ = std::max(largest_.load(), block.size());
      bytes += block.size();
    }
  }

  Gate gate_;
  Handover<std::string> ended_;
  Handover<BodyWriter> events_;
  std::atomic<std::size_t> largest_ = 0;
  std::atomic<std::size_t> written_ = 0;
  std::size_t rows_ = 3;
  std::size_t row_bytes_ = 5;
};

TEST_F(StreamTest, ReadsBodiesByLengthAndInChunksAndKeepsTheConnection) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.ask(put("/count", "Content-Length: 5", "abcde")).body, "5");
  EXPECT_EQ(
      client.ask(put("/count", "Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
          .body,
      "5");
  EXPECT_EQ(client.ask(put("/count", "Content-Length: 0")).body, "0");
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST_F(StreamTest, ReadsPipelinedBodiesInOrder) {
  start();
  HttpClient client(server_->port());
  std::string requests;
  for (int number = 1; number <= 10; ++number) {
    requests += put("/count", "Content-Length: " + std::to_string(number),
                    std::string(static_cast<std::size_t>(number), 'x'));
  }
  ASSERT_TRUE(client.send(requests));
  for (int number = 1; number <= 10; ++number) {
    EXPECT_EQ(client.read().body, std::to_string(number));
  }
}

TEST_F(StreamTest, ReadsFarMoreThanItHolds) {
  start();
  HttpClient client(server_->port());
  const std::string block(kMiB, 'x');
  ASSERT_TRUE(client.send(put("/count", "Content-Length: " + std::to_string(64 * kMiB))));
  for (int number = 0; number < 64; ++number) ASSERT_TRUE(client.send(block));
  EXPECT_EQ(client.read().body, std::to_string(64 * kMiB));
  EXPECT_LE(largest_, kHttpStreamBlockBytes);
}

TEST_F(StreamTest, StopsReadingWhileItsHandlerDoes) {
  start();
  HttpClient client(server_->port());
  const std::size_t whole = 64 * kMiB;
  ASSERT_TRUE(client.send(put("/gated", "Content-Length: " + std::to_string(whole))));
  ASSERT_TRUE(client.send("x"));
  ASSERT_TRUE(gate_.await_arrivals(1));
  // What the sockets hold, and a quarter of a mebibyte of ours.
  const std::string block(kMiB, 'x');
  std::size_t sent = 1;
  for (int idle_rounds = 0; idle_rounds < 3 && sent + kMiB < whole;) {
    const std::size_t taken = client.offer(block);
    sent += taken;
    if (taken > 0) continue;
    ++idle_rounds;
    EXPECT_EQ(HttpClient(server_->port()).get("/hello").status, 200);
  }
  EXPECT_LT(sent, 32 * kMiB);
  gate_.open();
  while (sent < whole) {
    const std::size_t next = std::min(kMiB, whole - sent);
    ASSERT_TRUE(client.send(std::string_view(block).substr(0, next)));
    sent += next;
  }
  EXPECT_EQ(client.read().body, std::to_string(whole));
}

TEST_F(StreamTest, RefusesBodiesOverTheBoundOfTheirRoute) {
  start({.too_large_reason = "too_large"});
  const std::string body(1001, 'x');
  for (const std::string& request :
       {put("/small", "Content-Length: 1001", body),
        put("/small", "Transfer-Encoding: chunked", "3e9\r\n" + body + "\r\n0\r\n\r\n")}) {
    HttpClient client(server_->port());
    const SeenResponse seen = client.ask(request);
    EXPECT_EQ(seen.status, 413);
    EXPECT_THAT(seen.body, HasSubstr("\"too_large\""));
    EXPECT_EQ(seen.field("connection"), "close");
    client.end_sending();
    EXPECT_TRUE(client.is_closed());
  }
}

TEST_F(StreamTest, RefusesMalformedChunks) {
  start();
  HttpClient client(server_->port());
  const SeenResponse seen = client.ask(put("/count", "Transfer-Encoding: chunked", "zz\r\n"));
  EXPECT_EQ(seen.status, 400);
  EXPECT_THAT(seen.body, HasSubstr("\"malformed_request\""));
}

TEST_F(StreamTest, TellsTheHandlerThatThePeerIsGone) {
  start();
  {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send(put("/gated", "Content-Length: 5", "ab")));
    ASSERT_TRUE(gate_.await_arrivals(1));
  }
  gate_.open();
  EXPECT_EQ(ended_.take(), "peer_gone");
}

TEST_F(StreamTest, GivesUpAPeerThatSendsNoMore) {
  start({.stream_timeout = milliseconds(50)});
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(put("/gated", "Content-Length: 5", "ab")));
  gate_.open();
  EXPECT_EQ(ended_.take(), "body_too_slow");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(StreamTest, AsksForABodyOnlyWhenItIsRead) {
  start();
  HttpClient client(server_->port());
  const std::string fields = "Expect: 100-continue\r\nContent-Length: 3";
  EXPECT_EQ(client.ask(put("/count", fields)).status, 100);
  EXPECT_EQ(client.ask("abc").body, "3");
  const SeenResponse refused = client.ask(put("/unread", fields));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.field("connection"), "close");
}

TEST_F(StreamTest, LetsAnEarlyAnswerReachAClientThatStillSends) {
  start();
  HttpClient client(server_->port());
  std::thread sender([&client] {
    client.send(put("/unread", "Content-Length: 500000", std::string(500'000, 'x')));
    client.end_sending();
  });
  EXPECT_EQ(client.read().status, 403);
  sender.join();
  EXPECT_TRUE(client.is_closed());
}

TEST_F(StreamTest, WritesInChunksAndKeepsTheConnection) {
  start();
  HttpClient client(server_->port());
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(client.send("GET /rows HTTP/1.1\r\nHost: x\r\n\r\n"));
    const SeenResponse seen = client.read_head();
    EXPECT_EQ(seen.status, 200);
    EXPECT_EQ(seen.field("transfer-encoding"), "chunked");
    EXPECT_EQ(seen.field("content-type"), "text/plain");
    for (int row = 0; row < 3; ++row) EXPECT_EQ(client.read_chunk(), "rrrrr");
    EXPECT_EQ(client.read_chunk(), "");
    EXPECT_EQ(ended_.take(), "whole");
  }
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST_F(StreamTest, WritesToTheEndOfTheConnectionForHttp10) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("GET /rows HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(client.read_head().field("transfer-encoding"), "(none)");
  EXPECT_EQ(client.read_rest(), "rrrrrrrrrrrrrrr");
}

TEST_F(StreamTest, SendsNoBlocksToHead) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("HEAD /rows HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST_F(StreamTest, WaitsForAPeerThatReadsSlowly) {
  rows_ = 1024;
  row_bytes_ = kHttpStreamBlockBytes;
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("GET /rows HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_EQ(client.read_head().status, 200);
  // Nothing is read now; each answer elsewhere says that the network thread went round.
  std::size_t before = 1;
  while (before != written_) {
    before = written_;
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(HttpClient(server_->port()).get("/hello").status, 200);
    }
  }
  EXPECT_LT(written_, 32 * kMiB);
  std::size_t got = 0;
  for (std::string chunk; !(chunk = client.read_chunk()).empty();) {
    ASSERT_NE(chunk, "(cut)");
    got += chunk.size();
  }
  EXPECT_EQ(got, 64 * kMiB);
  EXPECT_EQ(ended_.take(), "whole");
}

TEST_F(StreamTest, GivesUpAPeerThatReadsNoMore) {
  rows_ = 4096;
  row_bytes_ = kHttpStreamBlockBytes;
  start({.write_timeout = milliseconds(50)});
  HttpClient deaf(server_->port());
  ASSERT_TRUE(deaf.send("GET /rows HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(ended_.take(), "peer_gone");
}

TEST_F(StreamTest, CutsTheConnectionIfAnAnswerIsNotFinished) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_THAT(client.read_rest(), testing::Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(StreamTest, ReadsAndWritesAtOnce) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(put("/echo", "Transfer-Encoding: chunked", "3\r\nabc\r\n")));
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_EQ(client.read_chunk(), "abc");
  ASSERT_TRUE(client.send("2\r\nde\r\n"));
  EXPECT_EQ(client.read_chunk(), "de");
  ASSERT_TRUE(client.send("0\r\n\r\n"));
  EXPECT_EQ(client.read_chunk(), "");
}

TEST_F(StreamTest, TellsEventsWithoutAThreadUntilThePeerLeaves) {
  start({.handler_threads = 1});
  auto client = std::make_unique<HttpClient>(server_->port());
  ASSERT_TRUE(client->send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client->read_head().field("content-type"), "text/event-stream");
  std::optional<BodyWriter> events = events_.take();
  ASSERT_TRUE(events.has_value());
  Handover<bool> left;
  events->when_hurried([&left] { left.give(true); });
  for (int number = 0; number < 3; ++number) {
    const Result<bool> offered = events->offer("data: " + std::to_string(number) + "\n\n");
    ASSERT_TRUE(offered.ok());
    EXPECT_TRUE(*offered);
    EXPECT_EQ(client->read_chunk(), "data: " + std::to_string(number) + "\n\n");
  }
  EXPECT_FALSE(events->is_hurried());
  client.reset();
  EXPECT_EQ(left.take(), true);
}

TEST_F(StreamTest, OffersNoMoreThanFits) {
  start();
  HttpClient deaf(server_->port());
  ASSERT_TRUE(deaf.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::optional<BodyWriter> events = events_.take();
  ASSERT_TRUE(events.has_value());
  std::size_t taken = 0;
  while (taken < 64 * kMiB) {
    const Result<bool> offered = events->offer(std::string(kMiB, 'e'));
    ASSERT_TRUE(offered.ok());
    if (!*offered) break;
    taken += kMiB;
  }
  EXPECT_LT(taken, 32 * kMiB);
}

TEST_F(StreamTest, EndsWaitingHandlersWhenTheServerStops) {
  rows_ = 1'000'000;
  row_bytes_ = kHttpStreamBlockBytes;
  start();
  HttpClient deaf(server_->port());
  ASSERT_TRUE(deaf.send("GET /rows HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(deaf.read_head().status, 200);
  HttpClient silent(server_->port());
  ASSERT_TRUE(silent.send(put("/count", "Content-Length: 5", "ab")));
  server_->stop(milliseconds(20));
  EXPECT_EQ(ended_.take(), "peer_gone");
  EXPECT_TRUE(silent.is_closed());
}

TEST_F(StreamTest, RefusesWhatWaitsForTooLong) {
  start({.stream_threads = 1});
  std::vector<std::unique_ptr<HttpClient>> clients;
  const std::string request = put("/gated", "Content-Length: 1", "a");
  clients.push_back(std::make_unique<HttpClient>(server_->port()));
  ASSERT_TRUE(clients.back()->send(request));
  ASSERT_TRUE(gate_.await_arrivals(1));
  // Pipelining would wait for the answer before: each needs a connection. One is too many, and
  // which one that is the network thread decides.
  for (std::size_t number = 0; number < kHttpStreamsWaitingMax + 1; ++number) {
    clients.push_back(std::make_unique<HttpClient>(server_->port()));
    ASSERT_TRUE(clients.back()->send(request));
  }
  std::vector<pollfd> answers;
  for (const auto& client : clients) answers.push_back({client->descriptor(), POLLIN, 0});
  ASSERT_EQ(poll(answers.data(), answers.size(), HttpClient::kPatienceMs), 1);
  gate_.open();
  std::size_t served = 0;
  for (std::size_t number = 0; number < clients.size(); ++number) {
    const SeenResponse seen = clients[number]->read();
    if (answers[number].revents == 0) {
      EXPECT_EQ(seen.body, "1");
      ++served;
      continue;
    }
    EXPECT_EQ(seen.status, 503);
    EXPECT_THAT(seen.body, HasSubstr("\"overloaded\""));
  }
  EXPECT_EQ(served, kHttpStreamsWaitingMax + 1);
}

}  // namespace
}  // namespace weir::server
