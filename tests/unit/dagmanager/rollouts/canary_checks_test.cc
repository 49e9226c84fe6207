// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/canary_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

RolloutRecord record(const std::string& sentinel = "s-sentinel",
                     const std::string& version = "v2") {
  RolloutRecord made;
  made.world = graph::WorldId("w1");
  made.candidate = {graph::SentinelId(sentinel), graph::VersionLabel(version)};
  made.rollout.steps = default_steps(std::chrono::hours(1));
  return made;
}

/// Figures by query, and what was asked for.
class ScriptedReader final : public MetricReader {
 public:
  Result<double> read(const std::string& query) override {
    asked.push_back(query);
    const auto found = values.find(query);
    if (found == values.end()) return Error(Code::NotFound, "no_sample", "no sample");
    return found->second;
  }

  std::map<std::string, Result<double>> values;
  std::vector<std::string> asked;
};

CheckResult read(ScriptedReader& reader, const CanaryCheck& check) {
  bool is_silent = false;
  return read_check(reader, check, record(), is_silent);
}

TEST(FillQuery, PutsTheCandidateInAsItIsCalled) {
  const std::string query =
      R"(errors{id="$sentinel_id",v="$version",w='$world'} / $versions + $world_id - $ - $x)";
  EXPECT_EQ(fill_query(query, record()),
            R"(errors{id="s-sentinel",v="v2",w='w1'} / $versions + $world_id - $ - $x)");
  EXPECT_EQ(fill_query("$version", record()), "v2");
  EXPECT_EQ(fill_query("$version.$version", record()), "v2.v2");
  EXPECT_EQ(fill_query("", record()), "");
}

TEST(FillQuery, LetsNoNameOutOfItsQuotes) {
  EXPECT_EQ(fill_query("$version", record("s", R"(1"} or up{a="')")), R"(1\x22} or up{a=\x22\x27)");
  EXPECT_EQ(fill_query("$version", record("s", "a\\`\n\x01")), R"(a\x5c\x60\x0a\x01)");
  EXPECT_EQ(fill_query("$version", record("s", "é")), "é");
  EXPECT_EQ(fill_query("$sentinel_id", record("$version", "v2")), "$version")
      << "what was filled in is not filled again";
}

TEST(GatewayWindow, LooksNoFurtherBackThanTheStepAndSkipsItsFirstMoments) {
  Rollout rollout;
  rollout.step_since = Instant(minutes(100));
  const auto after = [&](Duration span) {
    return gateway_window(rollout, seconds(30), rollout.step_since + span);
  };
  EXPECT_EQ(after(seconds(0)), std::nullopt);
  EXPECT_EQ(after(seconds(60)), std::nullopt);
  EXPECT_EQ(after(seconds(61)), seconds(1));
  EXPECT_EQ(after(seconds(160)), seconds(100));
  EXPECT_EQ(after(minutes(6)), minutes(5));
  EXPECT_EQ(after(std::chrono::hours(24)), minutes(5));
  EXPECT_EQ(after(-minutes(5)), std::nullopt) << "a clock that went back";
}

TEST(GatewayChecks, BoundShareAndSkewAllAlongTheWindow) {
  RolloutRecord rollout = record();
  rollout.rollout.step = 1;  // half
  const auto checks = gateway_checks(rollout, minutes(5));
  std::vector<std::string> queries;
  for (const CanaryCheck& check : checks) queries.push_back(fill_query(check.query, rollout));
  EXPECT_THAT(
      queries,
      ElementsAre(
          R"(min(min_over_time(gateway_sentinel_traffic_ratio{sentinel_id="s-sentinel"}[300s])))",
          R"(max(max_over_time(gateway_sentinel_traffic_ratio{sentinel_id="s-sentinel"}[300s])))",
          R"(max(max_over_time(sentinel_skew_seconds{sentinel_id="s-sentinel"}[300s])))"));
  ScriptedReader reader;
  struct Case {
    double low, high, skew;
    std::vector<bool> holds;
  };
  for (const Case& given : std::vector<Case>{{0.5, 0.5, 0, {true, true, true}},
                                             {0.45, 0.55, 5, {true, true, true}},
                                             {0.449, 0.5, 0, {false, true, true}},
                                             {0.5, 0.551, 0, {true, false, true}},
                                             {0.5, 0.5, 5.01, {true, true, false}}}) {
    reader.values = {{queries[0], given.low}, {queries[1], given.high}, {queries[2], given.skew}};
    for (std::size_t i = 0; i < checks.size(); ++i) {
      bool is_silent = false;
      EXPECT_EQ(read_check(reader, checks[i], rollout, is_silent).holds, given.holds[i])
          << given.low << " " << given.high << " " << given.skew << " " << checks[i].name;
    }
  }
}

TEST(ReadCheck, HoldsWithinBothBoundsAndSaysWhatItSaw) {
  ScriptedReader reader;
  const CanaryCheck check{.name = "errors", .query = "q", .min = 1, .max = 2};
  for (const double inside : {1.0, 1.5, 2.0}) {
    reader.values.insert_or_assign("q", inside);
    EXPECT_EQ(read(reader, check).holds, true) << inside;
  }
  for (const double outside : {0.99, 2.01, kInfinite, -kInfinite}) {
    reader.values.insert_or_assign("q", outside);
    EXPECT_EQ(read(reader, check).holds, false) << outside;
  }
  reader.values.insert_or_assign("q", 2.5);
  EXPECT_EQ(read(reader, check).text, "2.5, at least 1, at most 2");
  EXPECT_EQ(read(reader, {.name = "errors", .query = "q", .max = 2}).text, "2.5, at most 2");
  reader.values.insert_or_assign("q", kInfinite);
  EXPECT_EQ(read(reader, {.name = "errors", .query = "q", .max = 2}).text, "infinite, at most 2");
  EXPECT_EQ(read(reader, {.name = "errors", .query = "q", .min = 0}).holds, true);
}

TEST(ReadCheck, KnowsNothingWithoutASampleAndStillAsksTheNext) {
  ScriptedReader reader;
  reader.values = {{"refused", base::invalid_argument("query_refused", "parse error")},
                   {"there", 1.0}};
  bool is_silent = false;
  const auto asked = [&](const char* query) {
    return read_check(reader, {.name = query, .query = query}, record(), is_silent);
  };
  EXPECT_EQ(asked("none").holds, std::nullopt);
  EXPECT_EQ(asked("none").text, "no sample");
  EXPECT_EQ(asked("refused").holds, std::nullopt);
  EXPECT_EQ(asked("refused").text, "parse error");
  EXPECT_FALSE(is_silent);
  EXPECT_EQ(asked("there").holds, true);
}

TEST(ReadCheck, AsksNobodyAgainWhoDoesNotAnswer) {
  ScriptedReader reader;
  reader.values = {{"q", base::unavailable(kMetricsUnavailable, "timed out")}};
  const CanaryCheck check{.name = "errors", .query = "q"};
  bool is_silent = false;
  EXPECT_EQ(read_check(reader, check, record(), is_silent).text, "timed out");
  EXPECT_TRUE(is_silent);
  const CheckResult next = read_check(reader, check, record(), is_silent);
  EXPECT_EQ(next.holds, std::nullopt);
  EXPECT_EQ(next.text, "nobody answers");
  EXPECT_EQ(reader.asked.size(), 1U);
}

}  // namespace
}  // namespace weir::dagmanager
