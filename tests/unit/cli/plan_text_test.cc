// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/limits.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

PlanRow row(const std::string& id, const std::string& decision, const std::string& reason = "") {
  return {.node_id = id,
          .decision = decision,
          .topic = decision == "refused" ? "" : "btc_" + id,
          .compute_key = "blake3:ck-" + id,
          .reason = reason};
}

DiffOutcome every_decision() {
  DiffOutcome outcome;
  outcome.plan = {row("a", "new", "no node of this name is stored"),
                  row("b", "reuse"),
                  row("c", "bind", "another context"),
                  row("d", "buffer", "schema_hash changed"),
                  row("e", "refused", "belongs to another context"),
                  row("f", "reuse")};
  outcome.warnings = {"two nodes are one"};
  return outcome;
}

const NodeLabels kLabels = {{"a", {"mom", "Indicator"}}, {"b", {"", "StreamInput"}}};

TEST(PlanText, EndsWithTheCounts) {
  DiffOutcome outcome;
  for (int i = 0; i < 10; ++i) outcome.plan.push_back(row("n" + std::to_string(i), "new"));
  for (int i = 0; i < 990; ++i) outcome.plan.push_back(row("r" + std::to_string(i), "reuse"));
  const std::string text = plan_text(outcome, {}, {.closing = "Plan"});
  EXPECT_TRUE(text.ends_with("\nPlan: 10 new, 990 reused, 0 buffered.\n")) << text;
}

TEST(PlanText, CountsBoundAndRefusedNodesOnlyWhereThereAreAny) {
  EXPECT_EQ(count_plan(every_decision()).text(), "1 new, 1 bound, 2 reused, 1 buffered, 1 refused");
  EXPECT_EQ(count_plan({}).text(), "0 new, 0 reused, 0 buffered");
}

TEST(PlanText, KnowsWhetherASubmitWouldChangeAnything) {
  EXPECT_TRUE(count_plan(every_decision()).changes());
  DiffOutcome reused;
  reused.plan = {row("a", "reuse"), row("b", "reuse")};
  EXPECT_FALSE(count_plan(reused).changes());
  for (const char* decision : {"new", "bind", "buffer", "refused"}) {
    DiffOutcome outcome;
    outcome.plan = {row("a", "reuse"), row("b", decision)};
    EXPECT_TRUE(count_plan(outcome).changes()) << decision;
  }
}

TEST(PlanText, ListsTheKindsInOrderAndCollapsesTheReusedNodes) {
  const std::string text =
      plan_text(every_decision(), kLabels, {.title = "Plan for dag.json", .closing = "Plan"});
  EXPECT_EQ(text,
            "Plan for dag.json\n"
            "\n"
            "  + new      mom (Indicator)  btc_a\n"
            "\n"
            "  > bind     c                btc_c\n"
            "             another context\n"
            "\n"
            "  = reused   2 nodes (--verbose lists them)\n"
            "\n"
            "  ~ buffered d                btc_d\n"
            "             schema_hash changed\n"
            "\n"
            "  ! refused  e              \n"
            "             belongs to another context\n"
            "\n"
            "warning: two nodes are one\n"
            "\n"
            "Plan: 1 new, 1 bound, 2 reused, 1 buffered, 1 refused.\n");
}

TEST(PlanText, ListsEveryNodeWhenVerbose) {
  const std::string text =
      plan_text(every_decision(), kLabels, {.closing = "Plan", .verbose = true});
  EXPECT_THAT(text, HasSubstr("= reused   StreamInput"));
  EXPECT_THAT(text, HasSubstr("btc_f"));
  EXPECT_THAT(text, Not(HasSubstr("--verbose")));
}

TEST(PlanText, TellsTheRestOfALongListAsANumber) {
  DiffOutcome outcome;
  for (std::size_t i = 0; i < kPlanLinesMax + 3; ++i) {
    outcome.plan.push_back(row("n" + std::to_string(i), "new"));
  }
  const std::string text = plan_text(outcome, {}, {.closing = "Plan"});
  EXPECT_THAT(text, HasSubstr("  + new      and 3 more (--verbose lists them)\n"));
  EXPECT_THAT(text, HasSubstr("btc_n" + std::to_string(kPlanLinesMax - 1) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr("btc_n" + std::to_string(kPlanLinesMax) + "\n")));
}

TEST(PlanText, IsPlainWithoutColours) {
  const DiffOutcome outcome = every_decision();
  EXPECT_THAT(plan_text(outcome, {}, {.title = "T", .closing = "Plan"}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(plan_text(outcome, {}, {.title = "T", .closing = "Plan", .colours = true}),
              HasSubstr("\x1b[32m+ new"));
}

TEST(PlanText, ShortensTheIdOfANodeWithoutALabel) {
  EXPECT_EQ(label_text({}, "blake3:0123456789abcdef0123456789abcdef"), "blake3:0123456789ab");
  EXPECT_EQ(label_text(kLabels, "a"), "mom (Indicator)");
  EXPECT_EQ(label_text(kLabels, "b"), "StreamInput");
}

TEST(PlanJson, IsOneLineWithTheFiveMembersInOrder) {
  DiffOutcome outcome = every_decision();
  outcome.queue_map = {{"partition:b", "t2"}, {"partition:a", "t1"}};
  outcome.sentinel_id = "cli-sentinel";
  outcome.version = "v1";
  const std::string line = plan_json(outcome);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::ordered_json::parse(line);
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  EXPECT_THAT(members,
              testing::ElementsAre("queue_map", "sentinel_id", "version", "plan", "warnings"));
  EXPECT_EQ(json["queue_map"]["partition:a"], "t1");
  EXPECT_EQ(json["sentinel_id"], "cli-sentinel");
  EXPECT_EQ(json["version"], "v1");
  EXPECT_EQ(json["warnings"][0], "two nodes are one");
  EXPECT_EQ(json["plan"].size(), 6U);
  EXPECT_EQ(json["plan"][0].dump(),
            R"({"node_id":"a","decision":"new","topic":"btc_a","compute_key":"blake3:ck-a",)"
            R"("reason":"no node of this name is stored"})");
}

TEST(PlanJson, OfNothingHasAllMembers) {
  EXPECT_EQ(
      plan_json({}),
      "{\"queue_map\":{},\"sentinel_id\":\"\",\"version\":\"\",\"plan\":[],\"warnings\":[]}\n");
}

TEST(NodeLabels, OfAnUnreadableDocumentAreNone) { EXPECT_TRUE(node_labels("{").empty()); }

}  // namespace
}  // namespace weir::cli
