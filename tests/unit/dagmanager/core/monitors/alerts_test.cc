// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/alerts.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array kAllTargets = {AlertTarget::Pagerduty, AlertTarget::Slack,
                                    AlertTarget::Opsgenie};

/// The holder of the loop and its targets, in time that passes by hand.
class AlertWorld {
 public:
  void raise(std::string_view name, const std::string& subject = "s") {
    const Condition condition = make_condition(name, subject, "why", now_);
    for (Condition& known : stored_.conditions) {
      if (known.key == condition.key) {
        known = condition;
        return;
      }
    }
    stored_.conditions.push_back(condition);
  }

  /// A pass that sends all that is due, as long as targets take it.
  void pass(std::span<const AlertTarget> targets = kAllTargets) {
    AlertBook book = stored_;
    const AlertChange change =
        plan_alerts(book, targets, now_, [this] { return "a" + std::to_string(++ids_); });
    write(change);
    for (const DueNotice& due : due_notices(book, now_)) {
      Alert alert = book.alerts[due.alert];
      const NoticeOutcome outcome{.alert = alert.id,
                                  .target = due.target,
                                  .kind = due.kind,
                                  .sent = takes,
                                  .error = takes ? "" : "answered 503",
                                  .retry_after = retry_after,
                                  .at = now_};
      tries.push_back(now_);
      if (takes) told.push_back(std::string(notice_kind_text(due.kind)) + " " + alert.key.name);
      if (settle_notice(alert, outcome)) write({.put = {alert}, .gone = {}});
    }
  }
  void live(Duration span, Duration step = seconds(5)) {
    for (Duration passed{}; passed < span; passed += step) {
      now_ += step;
      pass();
    }
  }
  void write(const AlertChange& change) {
    for (const Alert& alert : change.put) {
      const auto known = std::ranges::find(stored_.alerts, alert.id, &Alert::id);
      if (known == stored_.alerts.end()) {
        stored_.alerts.push_back(alert);
      } else {
        *known = alert;
      }
    }
    std::erase_if(stored_.alerts, [](const Alert& alert) { return alert.settled; });
    for (const Condition& gone : change.gone) std::erase(stored_.conditions, gone);
  }

  Instant now_{hours(10'000)};
  AlertBook stored_;
  bool takes = true;
  std::optional<Duration> retry_after;
  std::vector<std::string> told;
  std::vector<Instant> tries;
  int ids_ = 0;
};

TEST(Alerts, AFaultOnAndOffGivesOneTriggerAndOneResolve) {
  for (const AlertDescription& alert : alert_catalog()) {
    AlertWorld world;
    for (int i = 0; i < 60; ++i) {
      world.raise(alert.name);
      world.live(seconds(5));
    }
    world.live(alert.lasts + minutes(5));
    EXPECT_THAT(world.told, ElementsAre("trigger " + std::string(alert.name),
                                        "resolve " + std::string(alert.name)));
    EXPECT_THAT(world.stored_.alerts, IsEmpty()) << "settled";
    EXPECT_THAT(world.stored_.conditions, IsEmpty());
  }
}

TEST(Alerts, AReceiverThatIsAwayForTenMinutesGetsBothWhenItIsBack) {
  AlertWorld world;
  world.takes = false;
  world.raise(kGraphLeaderDown);
  world.live(minutes(10));
  EXPECT_THAT(world.told, IsEmpty());
  world.takes = true;
  world.live(minutes(5));
  EXPECT_THAT(world.told, ElementsAre("trigger GraphLeaderDown", "resolve GraphLeaderDown"));
}

TEST(Alerts, WaitsOneTwoFourUpToSixtySecondsBetweenTries) {
  AlertWorld world;
  world.takes = false;
  world.raise(kTopicRecreated);
  world.live(minutes(6), seconds(1));
  std::vector<Duration> waits;
  for (std::size_t i = 1; i < world.tries.size(); ++i) {
    waits.push_back(world.tries[i] - world.tries[i - 1]);
  }
  ASSERT_GE(waits.size(), 9U);
  waits.resize(9);
  EXPECT_THAT(waits, ElementsAre(seconds(1), seconds(2), seconds(4), seconds(8), seconds(16),
                                 seconds(32), seconds(60), seconds(60), seconds(60)));
}

TEST(Alerts, ObeysRetryAfterThatIsLongerThanItsOwnWait) {
  AlertWorld world;
  world.takes = false;
  world.retry_after = seconds(90);
  world.raise(kTopicRecreated);
  world.live(minutes(4), seconds(1));
  EXPECT_THAT(world.tries, SizeIs(3));
  EXPECT_EQ(world.tries[1] - world.tries[0], seconds(90));
}

TEST(Alerts, GivesANoticeUpAfterADay) {
  AlertWorld world;
  world.takes = false;
  world.raise(kTopicRecreated);
  world.live(hours(23), minutes(1));
  ASSERT_THAT(world.stored_.alerts, SizeIs(1));
  EXPECT_EQ(world.stored_.alerts[0].notices[0].state, NoticeState::Pending);
  world.live(hours(1) + minutes(2), minutes(1));
  EXPECT_EQ(world.stored_.alerts[0].notices[0].state, NoticeState::Dead);
  world.live(hours(2), minutes(1));
  EXPECT_THAT(world.stored_.alerts, IsEmpty()) << "and its resolve a day after it was made";
}

TEST(Alerts, TellsATargetOfOneSubjectAtMostOnceAMinuteHoweverItFlaps) {
  AlertWorld world;
  base::SeededRandom random(7);
  std::vector<Instant> told_at;
  for (int i = 0; i < 2'000; ++i) {
    if (random.next() % 3 == 0) world.raise(kBrokerSessionLost);
    const std::size_t before = world.told.size();
    world.live(seconds(5));
    if (world.told.size() > before) told_at.push_back(world.now_);
    ASSERT_LE(world.stored_.alerts.size(), 2U) << "they do not pile up";
  }
  ASSERT_GT(told_at.size(), 10U);
  for (std::size_t i = 1; i < told_at.size(); ++i) {
    ASSERT_GE(told_at[i] - told_at[i - 1], kNoticeEvery);
    ASSERT_NE(world.told[i], world.told[i - 1]) << "trigger and resolve in turn";
  }
}

TEST(Alerts, OneThatComesBackBeforeItsResolveWentOutStaysOpen) {
  AlertWorld world;
  world.raise(kBrokerSessionLost);
  world.live(seconds(5));
  ASSERT_THAT(world.told, SizeIs(1));
  world.live(seconds(30));
  ASSERT_FALSE(world.stored_.alerts[0].open());
  world.raise(kBrokerSessionLost);
  world.live(seconds(10));
  ASSERT_THAT(world.stored_.alerts, SizeIs(1));
  EXPECT_TRUE(world.stored_.alerts[0].open());
  EXPECT_THAT(world.told, ElementsAre("trigger BrokerSessionLost"));
}

TEST(Alerts, AResolveThatWentOutAsItWasWithdrawnIsFollowedByATrigger) {
  Alert alert{.id = "a",
              .key = {std::string(kBrokerSessionLost), ""},
              .notices = {{.kind = NoticeKind::Trigger, .state = NoticeState::Sent}}};
  const Instant at{hours(1)};
  EXPECT_TRUE(
      settle_notice(alert, {.alert = "a", .kind = NoticeKind::Resolve, .sent = true, .at = at}));
  EXPECT_EQ(alert.notices[0].state, NoticeState::Pending);
  EXPECT_EQ(alert.notices[0].due, at + kNoticeEvery);
}

TEST(Alerts, AFaultThatIsOverBeforeAnyoneLookedIsToldNevertheless) {
  AlertWorld world;
  world.raise(kBrokerSessionLost);
  world.now_ += minutes(10);
  world.live(minutes(3));
  EXPECT_THAT(world.told, ElementsAre("trigger BrokerSessionLost", "resolve BrokerSessionLost"));
}

TEST(Alerts, ATargetThatIsOffIsNotTold) {
  AlertWorld world;
  world.raise(kGraphLeaderDown);
  world.pass(std::array{AlertTarget::Slack});
  ASSERT_THAT(world.stored_.alerts, SizeIs(1));
  EXPECT_THAT(world.stored_.alerts[0].notices, IsEmpty());
  EXPECT_THAT(world.told, IsEmpty());
}

TEST(Alerts, SubjectsOfOneNameAreToldApart) {
  AlertWorld world;
  world.raise(kQueueLagHigh, "a");
  world.raise(kQueueLagHigh, "b");
  world.live(seconds(5));
  EXPECT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(dedup_key({"QueueLagHigh", "a"}), "weir:QueueLagHigh:a");
}

TEST(AlertCatalog, DescribesAnotherBuildsAlertByItsName) {
  const AlertDescription other = describe_alert("SomethingNew");
  EXPECT_EQ(other.text, "SomethingNew");
  EXPECT_EQ(other.target, AlertTarget::Slack);
  EXPECT_FALSE(other.critical);
}

TEST(AlertWords, AreReadBack) {
  for (const AlertTarget target : kAllTargets) EXPECT_EQ(target_of(target_text(target)), target);
  EXPECT_EQ(notice_kind_of("resolve"), NoticeKind::Resolve);
  EXPECT_EQ(notice_state_of("dead"), NoticeState::Dead);
  EXPECT_FALSE(target_of("mail"));
}

}  // namespace
}  // namespace weir::dagmanager
