// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/faulty_topic_admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dagmanager/core/limits.h"
#include "dagmanager/core/topic_provisioner.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "tests/unit/base/test_seed.h"

namespace weir::dagmanager {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = ProvisionStep::Kind;

constexpr int kSchedules = 10'000;
// A schedule that goes on longer than this goes round in circles.
constexpr int kStepsMax = 500;

TopicSpec plain_spec(const std::string& name) { return {graph::TopicName(name), {}}; }

TEST(FaultyTopicAdmin, IsTransparentWithoutFaults) {
  MemoryTopicAdmin inner;
  base::SeededRandom random(1);
  FaultyTopicAdmin admin(inner, random, {}, 0);
  const std::vector<TopicSpec> specs = {plain_spec("a")};
  const auto answers = admin.create(specs);
  ASSERT_TRUE(answers.ok());
  EXPECT_THAT(*answers, testing::ElementsAre(CreateAnswer::Created));
  const std::vector<graph::TopicName> names = {specs[0].topic};
  EXPECT_THAT(*admin.look(names), SizeIs(1));
  EXPECT_THAT(*admin.list(), SizeIs(1));
  EXPECT_TRUE(admin.ping().ok());
}

TEST(FaultyTopicAdmin, CarriesOutWhatItLosesTheReplyOf) {
  MemoryTopicAdmin inner;
  base::SeededRandom random(1);
  FaultyTopicAdmin admin(inner, random, {.reply_lost = 100}, 1);
  EXPECT_FALSE(admin.create(std::vector{plain_spec("a")}).ok());
  EXPECT_THAT(*inner.list(), SizeIs(1));
  EXPECT_TRUE(admin.create(std::vector{plain_spec("b")}).ok()) << "faults have an end";
}

TEST(FaultyTopicAdmin, DoesNothingWhenItLosesTheCall) {
  MemoryTopicAdmin inner;
  base::SeededRandom random(1);
  FaultyTopicAdmin admin(inner, random, {.call_lost = 100}, 1);
  EXPECT_FALSE(admin.create(std::vector{plain_spec("a")}).ok());
  EXPECT_THAT(*inner.list(), IsEmpty());
}

TEST(FaultyTopicAdmin, FailsOneTopicOfABulkAndHidesAnother) {
  MemoryTopicAdmin inner;
  base::SeededRandom random(1);
  FaultyTopicAdmin part(inner, random, {.part_failed = 100}, 1);
  const auto answers = part.create(std::vector{plain_spec("a"), plain_spec("b")});
  EXPECT_THAT(*answers, testing::ElementsAre(CreateAnswer::Failed, CreateAnswer::Created));
  EXPECT_THAT(*inner.list(), SizeIs(1));

  FaultyTopicAdmin late(inner, random, {.seen_late = 100, .late_looks = 1}, 1);
  ASSERT_TRUE(late.create(std::vector{plain_spec("c")}).ok());
  const std::vector<graph::TopicName> names = {graph::TopicName("c")};
  EXPECT_THAT(*late.look(names), IsEmpty());
  EXPECT_THAT(*late.look(names), SizeIs(1));
}

/// Contract section 3.7: one run of the machine against a broker on a bad day.
class Schedule {
 public:
  explicit Schedule(std::uint64_t seed)
      : random_(seed),
        prod_(random_.chance(50)),
        admin_(inner_, random_,
               {.call_lost = percent(),
                .reply_lost = percent(),
                .time_out = percent(),
                .part_failed = percent(),
                .seen_late = percent(),
                .late_looks = 1 + static_cast<unsigned>(random_.below(4))},
               static_cast<int>(random_.below(60))) {
    const std::size_t count = 1 + random_.below(8);
    for (std::size_t i = 0; i < count; ++i) {
      graph::TopicShape shape = graph::default_topic_shapes().at(random_.below(3));
      wanted_.push_back({name_of(i, 0), shape, random_.chance(20)});
      plant(i);
    }
  }

  /// Runs to the end and checks it. "done" or the error's reason.
  std::string run() {
    TopicProvisioner machine(wanted_, prod_);
    Duration waited{};
    for (int steps = 0; steps < kStepsMax; ++steps) {
      const ProvisionStep step = machine.next();
      switch (step.kind) {
        case Kind::Create:
          create(machine, step);
          break;
        case Kind::Look:
          look(machine, step);
          break;
        case Kind::Wait:
          waited += step.wait;
          machine.waited();
          break;
        case Kind::Rename: {
          const std::size_t topic = step.topics.front();
          machine.renamed(topic, name_of(topic, ++names_[topic]), random_.chance(10));
          break;
        }
        case Kind::Done:
          check_done(machine);
          return "done";
        case Kind::Failed:
          EXPECT_LE(waited, std::chrono::milliseconds(7500) + kVerifyWaitsMax);
          EXPECT_EQ(machine.error().code(), Code::Unavailable);
          return machine.error().reason();
      }
    }
    return "endless";
  }

 private:
  unsigned percent() { return random_.chance(50) ? 0 : static_cast<unsigned>(random_.below(70)); }

  static graph::TopicName name_of(std::size_t topic, int candidate) {
    return graph::TopicName("w.live.Topic_" + std::to_string(topic) + "_v" +
                            std::to_string(candidate));
  }

  /// What others made before, under the first or second name of a topic.
  void plant(std::size_t topic) {
    if (!random_.chance(40)) return;
    TopicSpec foreign{name_of(topic, static_cast<int>(random_.below(2))), wanted_[topic].shape};
    switch (random_.below(3)) {
      case 0: {
        std::string similar = foreign.topic.text();
        similar.replace(similar.find(".live"), 5, random_.chance(50) ? "_live" : ".LIVE");
        foreign.topic = graph::TopicName(similar);
        break;
      }
      case 1:
        foreign.shape.partitions += 2;
        break;
      default:
        break;  // the very topic
    }
    ASSERT_TRUE(inner_.create(std::vector{foreign}).ok());
    foreign_[foreign.topic.text()] = foreign.shape;
  }

  void create(TopicProvisioner& machine, const ProvisionStep& step) {
    std::vector<TopicSpec> specs;
    for (const std::size_t topic : step.topics) {
      specs.push_back({machine.topics()[topic].topic, machine.topics()[topic].shape});
    }
    const auto answers = admin_.create(specs);
    if (answers.ok()) {
      machine.created(*answers);
    } else {
      machine.create_lost(answers.error());
    }
  }

  void look(TopicProvisioner& machine, const ProvisionStep& step) {
    std::vector<graph::TopicName> names;
    for (const std::size_t topic : step.topics) names.push_back(machine.topics()[topic].topic);
    const auto found = admin_.look(names);
    if (found.ok()) {
      machine.looked(*found);
    } else {
      machine.look_lost(found.error());
    }
  }

  void check_done(const TopicProvisioner& machine) {
    std::map<std::string, graph::TopicShape> there;
    const auto all = inner_.list();
    for (const TopicSeen& topic : *all) there[topic.topic.text()] = topic.shape;
    std::set<std::string> distinct;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const WantedTopic& got = machine.topics()[i];
      EXPECT_TRUE(distinct.insert(got.topic.text()).second);
      ASSERT_TRUE(there.contains(got.topic.text())) << got.topic.text();
      EXPECT_EQ(there.at(got.topic.text()), got.shape);
      EXPECT_NE(machine.outcome(i), ProvisionOutcome::Pending);
      const bool bent = machine.outcome(i) == ProvisionOutcome::AdoptedMismatch;
      EXPECT_EQ(bent, got.shape != wanted_[i].shape);
      EXPECT_FALSE(bent && prod_);
    }
    for (const auto& [name, shape] : foreign_) EXPECT_EQ(there.at(name), shape) << "left alone";
  }

  base::SeededRandom random_;
  bool prod_;
  MemoryTopicAdmin inner_;
  FaultyTopicAdmin admin_;
  std::vector<WantedTopic> wanted_;
  std::map<std::size_t, int> names_;
  std::map<std::string, graph::TopicShape> foreign_;
};

TEST(FaultyTopicAdmin, EveryScheduleEndsInDoneOrANamedError) {
  const std::uint64_t first = base::test_seed(1);
  std::map<std::string, int> ends;
  for (int i = 0; i < kSchedules; ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    ++ends[Schedule(seed).run()];
    ASSERT_FALSE(HasFailure()) << "WEIR_TEST_SEED=" << seed;
  }
  for (const auto& [end, count] : ends) RecordProperty(end, count);
  EXPECT_GT(ends["done"], kSchedules / 2);
  EXPECT_GT(ends["create_timeout"], 100);
  EXPECT_GT(ends["broker_unavailable"], 10);
  EXPECT_EQ(ends.size(), 3U) << "no end but these";
}

}  // namespace
}  // namespace weir::dagmanager
