// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ack_registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dagmanager/core/limits.h"
#include "server/system_clock.h"

namespace weir::dagmanager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const graph::SentinelId kSentinel("s-sentinel");
// Long enough never to be reached where nothing is to time out.
constexpr Duration kNever = seconds(600);

/// A clock that stands still until it is told otherwise.
class StillClock final : public Clock {
 public:
  Instant now() const override { return Instant(monotonic()); }
  Duration monotonic() const override { return Duration(micros_.load()); }
  void sleep_for(Duration span) override { advance(span); }
  void advance(Duration span) { micros_ += span.count(); }

 private:
  std::atomic<Duration::rep> micros_ = 0;
};

/// Counts what it is told and lets a test wait for it.
class Listener final : public AckListener {
 public:
  void released() override { count(releases_); }
  void timed_out() override { count(time_outs_); }

  void wait_for_time_out() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return time_outs_ > 0; });
  }
  void wait_for_releases(int wanted) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return releases_ >= wanted; });
  }
  int time_outs() const {
    const std::scoped_lock lock(mutex_);
    return time_outs_;
  }

 private:
  void count(int& what) {
    const std::scoped_lock lock(mutex_);
    ++what;
    told_.notify_all();
  }
  mutable std::mutex mutex_;
  std::condition_variable told_;
  int releases_ = 0;
  int time_outs_ = 0;
};

std::uint32_t fill(AckRegistry& acks, StreamId stream) {
  std::uint32_t sent = 0;
  while (acks.try_send(stream, sent + 1, false)) ++sent;
  return sent;
}

TEST(AckRegistry, MayBeStoppedBeforeItStartsAndTwice) {
  const server::SystemClock clock;
  AckRegistry never_started(clock, kNever);
  never_started.stop();
  AckRegistry acks(clock, kNever);
  acks.start();
  acks.stop();
  acks.stop();
}

TEST(AckRegistry, TellsAStreamThatItMaySendAgain) {
  const server::SystemClock clock;
  AckRegistry acks(clock, kNever);
  const auto listener = std::make_shared<Listener>();
  const StreamId stream = acks.open(kSentinel, "p", listener);
  EXPECT_EQ(fill(acks, stream), 10U);
  EXPECT_TRUE(acks.acknowledged(kSentinel, "p", 0));
  listener->wait_for_releases(1);
  EXPECT_TRUE(acks.try_send(stream, 11, false));
  EXPECT_FALSE(acks.acknowledged(graph::SentinelId("other"), "p", 0));
}

TEST(AckRegistry, ForgetsAListenerThatIsGone) {
  const server::SystemClock clock;
  AckRegistry acks(clock, kNever);
  auto listener = std::make_shared<Listener>();
  const StreamId stream = acks.open(kSentinel, "p", listener);
  EXPECT_TRUE(acks.try_send(stream, 1, false));
  listener.reset();
  EXPECT_TRUE(acks.acknowledged(kSentinel, "p", 0));
}

TEST(AckRegistry, EndsASilentStreamFromItsTimer) {
  const server::SystemClock clock;
  AckRegistry acks(clock, milliseconds(20));
  acks.start();
  const auto silent = std::make_shared<Listener>();
  const StreamId stream = acks.open(kSentinel, "p", silent);
  fill(acks, stream);
  silent->wait_for_time_out();
  EXPECT_EQ(acks.open_streams(), 0U);
  EXPECT_FALSE(acks.try_send(stream, 11, false));
  EXPECT_EQ(silent->time_outs(), 1);
}

TEST(AckRegistry, ProbesAStreamWhosePartnerLeftWithItsCredits) {
  StillClock clock;
  AckRegistry acks(clock, kNever);
  acks.start();
  const auto listener = std::make_shared<Listener>();
  const auto other = std::make_shared<Listener>();
  const StreamId stream = acks.open(kSentinel, "p", listener);
  const StreamId thief = acks.open(kSentinel, "p", other);
  fill(acks, stream);
  clock.advance(kAckStall);
  acks.cancelled(thief);  // wakes the timer, which sees the stall
  listener->wait_for_releases(1);
  EXPECT_TRUE(acks.try_send(stream, 11, false));
}

TEST(AckRegistry, WaitsUntilNoStreamIsOpen) {
  const server::SystemClock clock;
  AckRegistry acks(clock, kNever);
  EXPECT_TRUE(acks.wait_until_idle(Duration::zero()));
  const auto listener = std::make_shared<Listener>();
  const StreamId ended = acks.open(kSentinel, "p", listener);
  const StreamId cancelled = acks.open(kSentinel, "p", listener);
  EXPECT_FALSE(acks.wait_until_idle(milliseconds(1)));
  EXPECT_EQ(acks.open_streams(), 2U);
  std::thread waiter([&] { EXPECT_TRUE(acks.wait_until_idle(kNever)); });
  EXPECT_TRUE(acks.try_send(ended, 1, true));
  acks.cancelled(cancelled);
  waiter.join();
}

/// A stream and the client that reads it, each on the threads that call them.
class Reader final : public AckListener, public std::enable_shared_from_this<Reader> {
 public:
  Reader(AckRegistry& acks, bool silent) : acks_(acks), silent_(silent) {}

  void open(const std::string& peer) {
    peer_ = peer;
    stream_ = acks_.open(kSentinel, peer, weak_from_this());
    pump();
  }
  void released() override { pump(); }
  void timed_out() override { ended_ = true; }

  /// Acknowledges what it was sent, one after the other, until it has all.
  void read() {
    std::uint32_t read = 0;
    while (read < kChunks && !ended_) {
      std::uint32_t sent = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return sent_ > read || ended_; });
        sent = sent_;
      }
      for (; read < sent; ++read) acks_.acknowledged(kSentinel, peer_, 0);
    }
    read_all_ = read == kChunks;
  }
  void cancel() {
    acks_.cancelled(stream_);
    ended_ = true;
    changed_.notify_all();
  }
  bool read_all() const { return read_all_; }
  bool silent() const { return silent_; }

 private:
  static constexpr std::uint32_t kChunks = 30;

  void pump() {
    const std::scoped_lock lock(mutex_);
    while (sent_ < kChunks && acks_.try_send(stream_, sent_ + 1, sent_ + 1 == kChunks)) ++sent_;
    changed_.notify_all();
  }

  AckRegistry& acks_;
  const bool silent_;
  std::string peer_;
  StreamId stream_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t sent_ = 0;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> read_all_ = false;
};

std::string reader_group(int i) { return "peer-" + std::to_string(i % 6 == 5 ? 100 + i : i / 6); }

TEST(AckRegistry, ServesManyThreadsAtOnce) {
  const server::SystemClock clock;
  AckRegistry acks(clock, kNever);
  acks.start();
  std::vector<std::shared_ptr<Reader>> readers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    readers.push_back(std::make_shared<Reader>(acks, i % 6 == 5));
    // Silent ones keep to themselves: beside readers they would make these wait for probes.
    const std::string peer = reader_group(i);
    threads.emplace_back([&, reader = readers.back(), peer] {
      reader->open(peer);
      if (!reader->silent()) reader->read();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& reader : readers) {
    if (reader->silent()) {
      reader->cancel();
    } else {
      EXPECT_TRUE(reader->read_all());
    }
  }
  EXPECT_TRUE(acks.wait_until_idle(kNever));
  acks.stop();
}

}  // namespace
}  // namespace weir::dagmanager
