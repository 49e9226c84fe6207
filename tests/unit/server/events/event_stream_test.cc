// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_stream.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "server/limits.h"
#include "tests/unit/server/http/http_fixture.h"

namespace weir::server {
namespace {

/// The events of one stream in memory.
class KeptEvents final : public EventLog {
 public:
  /// Gives the next numbers to `count` events.
  void write(int count, const std::string& type = "t", const std::string& world = "",
             std::size_t bytes = 0) {
    const base::MutexLock lock(mutex_);
    for (int i = 0; i < count; ++i) {
      ++newest_;
      std::string envelope = "{\"n\":" + std::to_string(newest_);
      if (bytes > 0) envelope += ",\"x\":\"" + std::string(bytes, 'x') + "\"";
      events_.push_back(
          {.number = newest_, .type = type, .world = world, .envelope = envelope + "}"});
    }
  }
  void forget_up_to(std::int64_t number) {
    const base::MutexLock lock(mutex_);
    std::erase_if(events_, [&](const StreamEvent& event) { return event.number <= number; });
  }
  void fail(bool fails) {
    const base::MutexLock lock(mutex_);
    fails_ = fails;
  }
  void give_at_most(std::size_t events) {
    const base::MutexLock lock(mutex_);
    page_ = events;
  }
  int reads() const {
    const base::MutexLock lock(mutex_);
    return reads_;
  }

  Result<EventPage> read(const std::string& stream, std::int64_t after,
                         std::size_t limit) override {
    const base::MutexLock lock(mutex_);
    ++reads_;
    if (fails_) return base::unavailable("unavailable", "no store");
    EventPage page;
    if (stream != "here") return page;
    page.newest = newest_;
    page.oldest = events_.empty() ? newest_ + 1 : events_.front().number;
    for (const StreamEvent& event : events_) {
      if (event.number > after && page.events.size() < std::min(limit, page_))
        page.events.push_back(event);
    }
    return page;
  }

 private:
  mutable base::Mutex mutex_;
  std::int64_t newest_ WEIR_GUARDED_BY(mutex_) = 0;
  std::vector<StreamEvent> events_ WEIR_GUARDED_BY(mutex_);
  bool fails_ WEIR_GUARDED_BY(mutex_) = false;
  int reads_ WEIR_GUARDED_BY(mutex_) = 0;
  std::size_t page_ WEIR_GUARDED_BY(mutex_) = SIZE_MAX;
};

/// A reader of the stream.
class Listener {
 public:
  struct Admitted {};
  static constexpr Admitted kAdmitted{};

  Listener(std::uint16_t port, const std::string& query, const std::string& id = "")
      : client_(port) {
    EXPECT_TRUE(client_.send("GET /events?" + query + " HTTP/1.1\r\nHost: x\r\n" +
                             (id.empty() ? "" : "Last-Event-ID: " + id + "\r\n") + "\r\n"));
  }
  /// One that is let in: the head of its answer is read.
  Listener(std::uint16_t port, const std::string& query, Admitted /*tag*/) : Listener(port, query) {
    EXPECT_EQ(head().status, 200);
  }
  SeenResponse head() { return client_.read_head(); }
  SeenResponse answer() { return client_.read(); }

  /// The next event's lines, comments left out; "" at the end, or if the connection is cut.
  std::string next() {
    while (true) {
      const std::size_t end = text_.find("\n\n");
      if (end != std::string::npos) {
        std::string event = text_.substr(0, end);
        text_.erase(0, end + 2);
        if (!event.starts_with(":")) return event;
        continue;
      }
      const std::string chunk = client_.read_chunk();
      if (chunk.empty() || chunk == "(cut)") return "";
      text_ += chunk;
    }
  }
  /// The number of the next event.
  std::int64_t next_number() {
    const std::string event = next();
    return event.starts_with("id: ") ? std::stoll(event.substr(4)) : -1;
  }

 private:
  HttpClient client_;
  std::string text_;
};

class EventStreamTest : public HttpFixture {
 protected:
  EventStreamTest() : stream_({kept_, clock_, log_}) {
    router_.add({"GET", "/events", [this](const HttpRequest& request, Responder responder) {
                   auto asked = read_event_request(request);
                   if (!asked.ok()) return responder.answer(asked.error());
                   stream_.subscribe(*std::move(asked), stream_name_, std::move(responder));
                 }});
  }
  ~EventStreamTest() override {
    stream_.stop();
    server_.reset();
  }
  void start() {
    stream_.start();
    HttpFixture::start();
  }
  Listener listen(const std::string& query = "", const std::string& id = "") {
    return Listener(server_->port(), query, id);
  }
  Listener admitted(const std::string& query) {
    return Listener(server_->port(), query, Listener::kAdmitted);
  }
  /// A listener after `n` is told to read the state anew, and goes on with `oldest`.
  void expect_reset(const std::string& n, std::int64_t oldest) {
    Listener listener = admitted("after=" + n);
    EXPECT_EQ(listener.next(), "event: reset\ndata: {\"oldest\":" + std::to_string(oldest) + "}");
    EXPECT_EQ(listener.next_number(), oldest);
  }
  /// One event is written, and told to a listener that has seen all before it.
  void expect_told(Listener& listener, std::int64_t number) {
    kept_.write(1);
    stream_.tell();
    EXPECT_EQ(listener.next_number(), number);
  }

  SystemClock clock_;
  KeptEvents kept_;
  std::string stream_name_ = "here";
  EventStream stream_;
};

TEST_F(EventStreamTest, TellsWhatComesFromNowOn) {
  kept_.write(3);
  start();
  Listener listener = listen();
  EXPECT_EQ(listener.head().field("content-type"), "text/event-stream");
  // A second one that asks for all there is shows that the first has been let in.
  Listener other = listen("after=0");
  EXPECT_EQ(other.head().status, 200);
  EXPECT_EQ(other.next_number(), 1);
  kept_.write(1, "queue_updated");
  stream_.tell();
  EXPECT_EQ(listener.next(), "id: 4\nevent: queue_updated\ndata: {\"n\":4}");
}

TEST_F(EventStreamTest, GoesOnAfterTheLastEventThatAReaderSaw) {
  kept_.write(2'000);  // several pages
  start();
  Listener listener = listen("after=1", "700");
  EXPECT_EQ(listener.head().status, 200);
  for (std::int64_t number = 701; number <= 2'000; ++number) {
    ASSERT_EQ(listener.next_number(), number);
  }
  kept_.write(2);
  stream_.tell();
  EXPECT_EQ(listener.next_number(), 2'001);
  EXPECT_EQ(listener.next_number(), 2'002);
}

TEST_F(EventStreamTest, ResetsAReaderWhosePlaceIsGone) {
  kept_.write(10);
  kept_.forget_up_to(4);
  start();
  expect_reset("3", 5);
  EXPECT_EQ(admitted("after=4").next_number(), 5);  // the first it wants is the oldest kept
  expect_reset("11", 5);
}

TEST_F(EventStreamTest, ResetsAReaderThatComesFromTheEndOfAllNumbers) {
  kept_.write(2);
  start();
  expect_reset("9223372036854775807", 1);
}

TEST_F(EventStreamTest, TakesLargeEventsFromALogThatGivesFewAtOnce) {
  kept_.give_at_most(2);
  start();
  Listener listener = admitted("after=0");
  expect_told(listener, 1);
  kept_.write(9);
  stream_.tell();
  for (std::int64_t number = 2; number <= 10; ++number) ASSERT_EQ(listener.next_number(), number);
}

TEST_F(EventStreamTest, ResetsToTheNextNumberWhereNothingIsKept) {
  kept_.write(10);
  kept_.forget_up_to(10);
  start();
  Listener listener = admitted("after=2");
  EXPECT_EQ(listener.next(), "event: reset\ndata: {\"oldest\":11}");
  expect_told(listener, 11);
}

TEST_F(EventStreamTest, TellsOnlyWhatAReaderAsksFor) {
  start();
  Listener listener = admitted("after=0&types=b&world=w");
  kept_.write(1, "a", "w");
  kept_.write(1, "b", "v");
  kept_.write(1, "b", "w");
  stream_.tell();
  EXPECT_EQ(listener.next_number(), 3);
}

TEST_F(EventStreamTest, TellsManyReadersThoughOneNeverReads) {
  constexpr int kReaders = 40;
  constexpr int kEvents = 400;
  constexpr std::size_t kBytes = 32 << 10;  // 12 MiB in all: far over what is kept for a reader
  kept_.write(1);
  start();
  Listener deaf = admitted("after=0");
  std::vector<std::unique_ptr<Listener>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<Listener>(server_->port(), "after=0"));
    readers.back()->head();
    ASSERT_EQ(readers.back()->next_number(), 1);
  }
  for (int i = 0; i < kEvents; ++i) {
    kept_.write(1, "t", "", kBytes);
    stream_.tell();
    for (const auto& reader : readers) ASSERT_EQ(reader->next_number(), i + 2);
  }
  // The deaf one got what fitted into its connection, and was then cut off.
  std::int64_t last = 0;
  for (std::int64_t number = deaf.next_number(); number > 0; number = deaf.next_number()) {
    EXPECT_EQ(number, last + 1);
    last = number;
  }
  EXPECT_LT(last, kEvents);
  Listener again = listen("", std::to_string(last));
  again.head();
  EXPECT_EQ(again.next_number(), last + 1);
}

TEST_F(EventStreamTest, ForgetsReadersThatLeave) {
  start();
  auto listener = std::make_unique<Listener>(server_->port(), "after=0");
  listener->head();
  kept_.write(1);
  stream_.tell();
  EXPECT_EQ(listener->next_number(), 1);
  listener.reset();
  for (int i = 0; i < 2'000 && stream_.readers() > 0; ++i) {
    clock_.sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(stream_.readers(), 0U);
}

TEST_F(EventStreamTest, ServesOnThoughReadersLeaveBeforeTheyAreLetIn) {
  start();
  for (int i = 0; i < 500; ++i) {
    const Listener leaves(server_->port(), "after=0");
  }
  Listener listener = admitted("after=0");
  expect_told(listener, 1);
}

TEST_F(EventStreamTest, DoesNotTouchTheLogWhileNobodyReads) {
  start();
  stream_.tell();
  Listener listener = listen("after=x");  // refused: nobody reads
  EXPECT_EQ(listener.answer().status, 400);
  EXPECT_EQ(kept_.reads(), 0);
}

TEST_F(EventStreamTest, GoesOnOnceTheLogCanBeReadAgain) {
  start();
  Listener listener = admitted("after=0");
  expect_told(listener, 1);
  kept_.fail(true);
  kept_.write(1);
  stream_.tell();
  const int before = kept_.reads();
  for (int i = 0; i < 2'000 && kept_.reads() == before; ++i) {
    clock_.sleep_for(std::chrono::milliseconds(10));
  }
  kept_.fail(false);
  EXPECT_EQ(listener.next_number(), 2);
}

TEST_F(EventStreamTest, CutsAReaderOffWhoseStreamCannotBeRead) {
  kept_.fail(true);
  start();
  Listener listener = admitted("after=0");
  EXPECT_EQ(listener.next(), "");
}

TEST_F(EventStreamTest, EndsTheAnswersWhenItStops) {
  start();
  Listener listener = admitted("after=0");
  expect_told(listener, 1);
  stream_.stop();
  EXPECT_EQ(listener.next(), "");
  Listener late = listen();
  EXPECT_EQ(late.answer().status, 503);
}

TEST_F(EventStreamTest, IsEmptyWhereNobodyWrote) {
  stream_name_ = "elsewhere";
  kept_.write(1);
  start();
  Listener listener = admitted("after=0");
  stream_.tell();
  stream_.stop();
  EXPECT_EQ(listener.next(), "");
}

}  // namespace
}  // namespace weir::server
