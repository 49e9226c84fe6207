// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/alert_desk.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "tests/hand_clock.h"
#include "tests/unit/dagmanager/monitors/recording_receiver.h"

namespace weir::dagmanager {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::RecordingReceiver;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CountingNotices final : public NoticeObserver {
 public:
  void notice_sent(AlertTarget /*target*/, bool sent) override { ++(sent ? taken : refused); }

  std::atomic<int> taken = 0;
  std::atomic<int> refused = 0;
};

/// One instance that may hold the loop: its senders, and its desk over the rows of all.
class Holder {
 public:
  Holder(Clock& clock, AlertStore& store, const std::vector<AlertRoute>& routes) {
    std::vector<AlertSender*> to;
    for (const AlertRoute& route : routes) {
      senders_.push_back(
          weir::test::must(AlertSender::create(route, {clock, server::log(), notices})));
      to.push_back(senders_.back().get());
    }
    desk_ = std::make_unique<AlertDesk>(AlertDesk::Parts{.store = store,
                                                         .clock = clock,
                                                         .random = random_,
                                                         .log = server::log(),
                                                         .senders = to,
                                                         .wake = [this] {
                                                           ++woken;
                                                           woken.notify_all();
                                                         }});
    for (const auto& sender : senders_) sender->start();
  }
  ~Holder() {
    for (const auto& sender : senders_) sender->stop();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  Result<void> pass(const LoopFence& fence) { return desk_->run_once(fence); }
  void wait_for_wakes(int wakes) {
    for (int now = woken; now < wakes; now = woken) woken.wait(now);
  }

  CountingNotices notices;
  std::atomic<int> woken = 0;  ///< a sender came back

 private:
  base::SeededRandom random_{3};
  std::vector<std::unique_ptr<AlertSender>> senders_;
  std::unique_ptr<AlertDesk> desk_;
};

class AlertDeskTest : public testing::Test {
 protected:
  AlertDeskTest() { take_loop("one"); }

  void take_loop(const std::string& instance) {
    const std::vector<LoopClaim> claims = {{kHealthLoop}};
    fence_ = {kHealthLoop, weir::test::must(loops_.renew(instance, claims)).front().fence};
  }
  void start() { holder_ = std::make_unique<Holder>(clock_, store_, routes_); }
  void raise(std::string_view name) {
    const Condition condition = make_condition(name, "s", "why", clock_.now());
    ASSERT_TRUE(store_.raise({&condition, 1}).ok());
  }
  /// A pass, and another once the senders have told what came of `notices` notices.
  void pass(int notices) {
    const int before = holder_->woken;
    ASSERT_TRUE(holder_->pass(fence_).ok());
    holder_->wait_for_wakes(before + notices);
    ASSERT_TRUE(holder_->pass(fence_).ok());
  }

  weir::test::HandClock clock_;
  MemoryLoopLeases loops_{clock_};
  MemoryAlertStore store_{loops_};
  RecordingReceiver receiver_;
  std::vector<AlertRoute> routes_ = {
      {.target = AlertTarget::Slack, .url = server::Secret(receiver_.url()), .source = "weir"}};
  LoopFence fence_;
  std::unique_ptr<Holder> holder_;
};

TEST_F(AlertDeskTest, TellsOfAFaultWhenItComesAndWhenItIsOver) {
  start();
  raise(kBrokerSessionLost);
  pass(1);
  ASSERT_THAT(receiver_.taken(), SizeIs(1));
  EXPECT_THAT(receiver_.taken()[0].body, HasSubstr("Kafka session lost: s (why)"));
  clock_.sleep_for(minutes(2));
  pass(1);
  ASSERT_THAT(receiver_.taken(), SizeIs(2));
  EXPECT_THAT(receiver_.taken()[1].body, HasSubstr("Resolved: Kafka session lost"));
  EXPECT_EQ(holder_->notices.taken, 2);
}

TEST_F(AlertDeskTest, EveryTargetIsToldInItsOwnForm) {
  const std::string token =
      std::filesystem::temp_directory_path() / ("weir-alert-token-" + std::to_string(getpid()));
  std::ofstream(token) << "key of ours\n";
  ASSERT_EQ(chmod(token.c_str(), 0600), 0);
  RecordingReceiver pager;
  RecordingReceiver opsgenie;
  routes_.push_back({.target = AlertTarget::Pagerduty,
                     .url = server::Secret(pager.url()),
                     .token_file = token,
                     .source = "weir"});
  routes_.push_back({.target = AlertTarget::Opsgenie,
                     .url = server::Secret(opsgenie.url()),
                     .token_file = token,
                     .source = "weir"});
  start();
  raise(kGraphLeaderDown);
  raise(kDiffStreamStalled);
  raise(kDiffDurationHigh);
  pass(3);
  clock_.sleep_for(minutes(10));
  pass(3);
  std::filesystem::remove(token);
  ASSERT_THAT(pager.taken(), SizeIs(2));
  const auto page = nlohmann::json::parse(pager.taken()[0].body);
  EXPECT_EQ(page["routing_key"], "key of ours");
  EXPECT_EQ(page["event_action"], "trigger");
  EXPECT_EQ(nlohmann::json::parse(pager.taken()[1].body)["event_action"], "resolve");
  ASSERT_THAT(opsgenie.taken(), SizeIs(2));
  EXPECT_EQ(opsgenie.taken()[0].path, "/hook");
  EXPECT_EQ(opsgenie.taken()[0].authorization, "GenieKey key of ours");
  EXPECT_EQ(opsgenie.taken()[1].path, "/hook/weir%3ADiffStreamStalled%3As/close");
  EXPECT_THAT(receiver_.taken(), SizeIs(2));
}

TEST_F(AlertDeskTest, AReceiverThatIsAwayForTenMinutesIsToldOnceWhenItIsBack) {
  start();
  receiver_.answer(503);
  raise(kTopicMismatch);
  pass(1);
  for (int minute = 0; minute < 10; ++minute) {
    clock_.sleep_for(seconds(61));  // longer than any wait of ours
    pass(1);
  }
  EXPECT_THAT(receiver_.taken(), IsEmpty());
  EXPECT_EQ(holder_->notices.refused, 11);
  receiver_.answer(202);
  clock_.sleep_for(seconds(61));
  pass(1);
  EXPECT_THAT(receiver_.taken(), SizeIs(1));
  clock_.sleep_for(minutes(90));
  pass(1);
  EXPECT_THAT(receiver_.taken(), SizeIs(2));
}

TEST_F(AlertDeskTest, WhatAHolderDidNotWriteDownItsFollowerSendsAgainUnderTheSameKey) {
  start();
  raise(kBrokerSessionLost);
  ASSERT_TRUE(holder_->pass(fence_).ok());
  holder_->wait_for_wakes(1);
  ASSERT_THAT(receiver_.taken(), SizeIs(1));
  const LoopFence before = fence_;
  clock_.sleep_for(seconds(10));
  take_loop("two");
  EXPECT_EQ(holder_->pass(before).error().reason(), "loop_lost");
  start();  // the first is gone
  pass(1);
  ASSERT_THAT(receiver_.taken(), SizeIs(2));
  EXPECT_EQ(receiver_.taken()[0].body, receiver_.taken()[1].body);
  clock_.sleep_for(minutes(5));
  pass(1);
  EXPECT_THAT(receiver_.taken(), SizeIs(3)) << "and one resolve";
}

TEST_F(AlertDeskTest, WaitsAsLongAsTheTargetAsksFor) {
  start();
  receiver_.answer(429, 600);
  raise(kTopicMismatch);
  pass(1);
  EXPECT_EQ(receiver_.asked(), 1);
  for (int i = 0; i < 119; ++i) {
    clock_.sleep_for(seconds(5));
    ASSERT_TRUE(holder_->pass(fence_).ok());
  }
  EXPECT_EQ(receiver_.asked(), 1);
  receiver_.answer(202);
  clock_.sleep_for(seconds(5));
  pass(1);
  EXPECT_EQ(receiver_.asked(), 2);
}

TEST(AlertRoute, RefusesWhatIsNoAddressAndDoesNotRepeatIt) {
  for (const std::string url : {"", "hooks.example", "ftp://host/a", "http://host/a b",
                                "https://user:pw@host/", "http://host/a?key=b"}) {
    const auto valid = AlertRoute{.url = server::Secret(url)}.address();
    ASSERT_FALSE(valid.ok()) << url;
    EXPECT_EQ(valid.error().reason(), "bad_url");
    if (url.empty()) continue;
    EXPECT_THAT(valid.error().message(), testing::Not(HasSubstr(url)));
  }
  EXPECT_TRUE(AlertRoute{.url = server::Secret("https://hooks.example/T0/B0/x")}.address().ok());
}

}  // namespace
}  // namespace weir::dagmanager
