// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topic_provisioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "dagmanager/core/limits.h"

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = ProvisionStep::Kind;

const graph::TopicShape kShape{
    .partitions = 3, .replication = 2, .retention_ms = 1000, .cleanup = "delete"};

WantedTopic wanted(const std::string& name, bool joined = false) {
  return {.topic = graph::TopicName(name), .shape = kShape, .joined = joined};
}

TopicSeen seen(const std::string& name, const graph::TopicShape& shape = kShape) {
  return {graph::TopicName(name), shape};
}

Error lost(Code code = Code::Unavailable) { return {code, "broker_unavailable", "no answer"}; }

/// Gives the next step, which must be of this kind.
ProvisionStep expect_step(TopicProvisioner& machine, Kind kind) {
  ProvisionStep step = machine.next();
  EXPECT_EQ(step.kind, kind);
  return step;
}

/// One create and one look that shows nothing of it.
void fail_once(TopicProvisioner& machine) {
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Failed});
  expect_step(machine, Kind::Look);
  machine.looked({});
}

TEST(TopicProvisioner, IsDoneWithNothingToMake) {
  TopicProvisioner machine({}, false);
  expect_step(machine, Kind::Done);
}

TEST(TopicProvisioner, MakesAllTopicsInOneCallAndLooksOnce) {
  TopicProvisioner machine({wanted("a"), wanted("b")}, false);
  EXPECT_THAT(expect_step(machine, Kind::Create).topics, ElementsAre(0U, 1U));
  machine.created({CreateAnswer::Created, CreateAnswer::Created});
  EXPECT_THAT(expect_step(machine, Kind::Look).topics, ElementsAre(0U, 1U));
  machine.looked({seen("b"), seen("a")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Created);
  EXPECT_EQ(provision_outcome_text(machine.outcome(1)), "create");
  EXPECT_THAT(machine.warnings(), IsEmpty());
}

TEST(TopicProvisioner, LooksOnlyAtTopicsThatTheCreateDidNotLookAt) {
  TopicProvisioner machine({wanted("a"), wanted("b")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::CreatedAndSeen, CreateAnswer::Created});
  EXPECT_THAT(expect_step(machine, Kind::Look).topics, ElementsAre(1U));
  machine.looked({seen("b")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Created);
}

TEST(TopicProvisioner, TriesFiveTimesWithDoublingWaits) {
  using std::chrono::milliseconds;
  TopicProvisioner machine({wanted("a")}, false);
  std::vector<Duration> waits;
  for (int attempt = 1; attempt < kProvisionAttemptsMax; ++attempt) {
    fail_once(machine);
    waits.push_back(expect_step(machine, Kind::Wait).wait);
    machine.waited();
  }
  fail_once(machine);
  expect_step(machine, Kind::Failed);
  EXPECT_THAT(waits, ElementsAre(milliseconds(500), milliseconds(1000), milliseconds(2000),
                                 milliseconds(4000)));
  EXPECT_EQ(machine.error().code(), Code::Unavailable);
  EXPECT_EQ(machine.error().reason(), "create_timeout");
  EXPECT_THAT(machine.error().message(), HasSubstr("after 5 attempts"));
  EXPECT_THAT(machine.error().message(), HasSubstr("topic a is not there yet"));
}

TEST(TopicProvisioner, LooksAgainSoonForWhatTheBrokerSaidItHasMade) {
  using std::chrono::milliseconds;
  TopicProvisioner machine({wanted("a"), wanted("b")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Created, CreateAnswer::Created});
  expect_step(machine, Kind::Look);
  machine.looked({seen("a")});
  for (const int wait : {25, 50, 100, 200, 200}) {
    EXPECT_EQ(expect_step(machine, Kind::Wait).wait, milliseconds(wait));
    machine.waited();
    EXPECT_THAT(expect_step(machine, Kind::Look).topics, ElementsAre(1U));
    machine.looked({});
  }
  expect_step(machine, Kind::Wait);
  machine.waited();
  expect_step(machine, Kind::Look);
  machine.looked({seen("b")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(1), ProvisionOutcome::Created);
}

TEST(TopicProvisioner, MakesAgainWhatIsNotSeenInTimeThoughTheBrokerSaidItHasMadeIt) {
  TopicProvisioner machine({wanted("a")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Created});
  Duration waited{};
  while (machine.next().kind == Kind::Look) {
    machine.looked({});
    waited += expect_step(machine, Kind::Wait).wait;
    machine.waited();
  }
  EXPECT_LE(waited, kVerifyWaitsMax + kProvisionWaitFirst);
  EXPECT_GT(waited, kVerifyWaitsMax);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::AlreadyExists});
  expect_step(machine, Kind::Look);
  machine.looked({});
  EXPECT_EQ(expect_step(machine, Kind::Wait).wait, 2 * kProvisionWaitFirst)
      << "the time for looking again is spent";
}

TEST(TopicProvisioner, MakesOnlyWhatIsMissingAgain) {
  TopicProvisioner machine({wanted("a"), wanted("b"), wanted("c")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Created, CreateAnswer::Failed, CreateAnswer::Unknown});
  expect_step(machine, Kind::Look);
  machine.looked({seen("a"), seen("c")});
  expect_step(machine, Kind::Wait);
  machine.waited();
  EXPECT_THAT(expect_step(machine, Kind::Create).topics, ElementsAre(1U));
  machine.created({CreateAnswer::Created});
  EXPECT_THAT(expect_step(machine, Kind::Look).topics, ElementsAre(1U));
  machine.looked({seen("b")});
  expect_step(machine, Kind::Done);
}

TEST(TopicProvisioner, LooksBeforeItMakesAgainWhatMayBeThere) {
  TopicProvisioner machine({wanted("a")}, false);
  expect_step(machine, Kind::Create);
  machine.create_lost(lost(Code::DeadlineExceeded));
  expect_step(machine, Kind::Look);
  machine.looked({seen("a")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Created) << "asked for by us, so ours";
}

TEST(TopicProvisioner, SaysWhyACreateCallFailedWhenAttemptsAreSpent) {
  TopicProvisioner machine({wanted("a")}, false);
  for (int attempt = 1;; ++attempt) {
    expect_step(machine, Kind::Create);
    machine.create_lost(lost());
    expect_step(machine, Kind::Look);
    machine.looked({});
    if (attempt == kProvisionAttemptsMax) break;
    expect_step(machine, Kind::Wait);
    machine.waited();
  }
  expect_step(machine, Kind::Failed);
  EXPECT_EQ(machine.error().reason(), "create_timeout");
  EXPECT_THAT(machine.error().message(), HasSubstr("no answer"));
}

TEST(TopicProvisioner, NamesABrokerThatDoesNotAnswerUnavailableWhateverTheFault) {
  TopicProvisioner machine({wanted("a")}, false);
  expect_step(machine, Kind::Create);
  machine.create_lost(lost());
  for (int attempt = 1;; ++attempt) {
    expect_step(machine, Kind::Look);
    machine.look_lost(lost(Code::DeadlineExceeded));
    if (attempt == kProvisionAttemptsMax) break;
    expect_step(machine, Kind::Wait);
    machine.waited();
  }
  expect_step(machine, Kind::Failed);
  EXPECT_EQ(machine.error().code(), Code::Unavailable);
  EXPECT_EQ(machine.error().reason(), "broker_unavailable");
}

TEST(TopicProvisioner, MakesNothingAgainThatTheBrokerSaidItHad) {
  TopicProvisioner machine({wanted("a")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::AlreadyExists});
  expect_step(machine, Kind::Look);
  machine.looked({});  // metadata lags
  expect_step(machine, Kind::Wait);
  machine.waited();
  expect_step(machine, Kind::Look);
  machine.looked({seen("a")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Adopted);
}

TEST(TopicProvisioner, CountsATopicOfItsOwnEarlierTryAsMade) {
  TopicProvisioner machine({wanted("a", true)}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::AlreadyExists});
  expect_step(machine, Kind::Look);
  machine.looked({seen("a")});
  expect_step(machine, Kind::Done);
  EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Created);
}

TEST(TopicProvisioner, GivesUpAtOnceOnANameThatIsRefused) {
  TopicProvisioner machine({wanted("a"), wanted("b")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Created, CreateAnswer::Refused});
  expect_step(machine, Kind::Failed);
  EXPECT_EQ(machine.error().code(), Code::InvalidArgument);
  EXPECT_EQ(machine.error().reason(), "name_illegal");
  EXPECT_THAT(machine.error().message(), HasSubstr("b"));
}

TEST(TopicProvisioner, TakesTheNextNameBesideASimilarOne) {
  for (const char* similar : {"x.A_b", "X_a_b"}) {
    TopicProvisioner machine({wanted("x.a_b"), wanted("c")}, false);
    expect_step(machine, Kind::Create);
    machine.created({CreateAnswer::Created, CreateAnswer::Created});
    expect_step(machine, Kind::Look);
    machine.looked({seen("x.a_b"), seen(similar), seen("c")});
    EXPECT_THAT(expect_step(machine, Kind::Rename).topics, ElementsAre(0U)) << "without a wait";
    machine.renamed(0, graph::TopicName("x.a_b2"), false);
    EXPECT_THAT(expect_step(machine, Kind::Create).topics, ElementsAre(0U));
    machine.created({CreateAnswer::Created});
    expect_step(machine, Kind::Look);
    machine.looked({seen("x.a_b2")});
    expect_step(machine, Kind::Done);
    EXPECT_EQ(machine.topics()[0].topic.text(), "x.a_b2");
    ASSERT_THAT(machine.warnings(), SizeIs(1));
    EXPECT_THAT(machine.warnings()[0], HasSubstr(similar));
  }
}

TEST(TopicProvisioner, RenamesSeveralOneAfterTheOther) {
  TopicProvisioner machine({wanted("a"), wanted("b")}, false);
  expect_step(machine, Kind::Create);
  machine.created({CreateAnswer::Created, CreateAnswer::Created});
  expect_step(machine, Kind::Look);
  machine.looked({seen("A"), seen("B")});
  EXPECT_THAT(expect_step(machine, Kind::Rename).topics, ElementsAre(0U));
  machine.renamed(0, graph::TopicName("a2"), false);
  EXPECT_THAT(expect_step(machine, Kind::Rename).topics, ElementsAre(1U));
  machine.renamed(1, graph::TopicName("b2"), true);
  EXPECT_THAT(expect_step(machine, Kind::Create).topics, ElementsAre(0U, 1U));
}

/// Every way in which a topic may be shaped otherwise.
std::vector<graph::TopicShape> other_shapes() {
  std::vector<graph::TopicShape> shapes(4, kShape);
  shapes[0].partitions = 1;
  shapes[1].replication = 1;
  shapes[2].retention_ms = 5;
  shapes[3].cleanup = "compact";
  return shapes;
}

TEST(TopicProvisioner, AdoptsAnotherShapeAsItIsOutsideProd) {
  for (const graph::TopicShape& shape : other_shapes()) {
    TopicProvisioner machine({wanted("a")}, false);
    expect_step(machine, Kind::Create);
    machine.created({CreateAnswer::AlreadyExists});
    expect_step(machine, Kind::Look);
    machine.looked({seen("a", shape)});
    expect_step(machine, Kind::Done);
    EXPECT_EQ(machine.outcome(0), ProvisionOutcome::AdoptedMismatch);
    EXPECT_EQ(machine.topics()[0].shape, shape);
    EXPECT_THAT(machine.warnings(), SizeIs(1));
    EXPECT_THAT(machine.left_alone(), IsEmpty());
  }
}

TEST(TopicProvisioner, LeavesAnotherShapeAloneInProdAndTakesTheNextName) {
  for (const graph::TopicShape& shape : other_shapes()) {
    TopicProvisioner machine({wanted("a")}, true);
    expect_step(machine, Kind::Create);
    machine.created({CreateAnswer::AlreadyExists});
    expect_step(machine, Kind::Look);
    machine.looked({seen("a", shape)});
    expect_step(machine, Kind::Rename);
    ASSERT_THAT(machine.left_alone(), SizeIs(1));
    EXPECT_EQ(machine.left_alone()[0].topic, 0U);
    EXPECT_EQ(machine.left_alone()[0].seen, seen("a", shape));
    machine.renamed(0, graph::TopicName("a2"), false);
    expect_step(machine, Kind::Create);
    machine.created({CreateAnswer::Created});
    expect_step(machine, Kind::Look);
    machine.looked({seen("a2")});
    expect_step(machine, Kind::Done);
    EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Created);
    EXPECT_EQ(machine.topics()[0].shape, kShape);
  }
}

TEST(TopicProvisioner, ComparesCleanupPoliciesAsSetsWithoutCase) {
  const std::vector<std::pair<std::string, std::string>> equal = {
      {"delete", ""}, {"", "delete"}, {"Compact, DELETE", "delete,compact"}, {"", ""}};
  for (const auto& [ours, theirs] : equal) {
    WantedTopic topic = wanted("a");
    topic.shape.cleanup = ours;
    TopicProvisioner machine({topic}, true);
    expect_step(machine, Kind::Create);
    machine.created({CreateAnswer::AlreadyExists});
    expect_step(machine, Kind::Look);
    graph::TopicShape shape = kShape;
    shape.cleanup = theirs;
    machine.looked({seen("a", shape)});
    expect_step(machine, Kind::Done);
    EXPECT_EQ(machine.outcome(0), ProvisionOutcome::Adopted) << ours << " / " << theirs;
  }
}

}  // namespace
}  // namespace weir::dagmanager
