// SPDX-License-Identifier: Apache-2.0
#include "base/crash_point.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "dagmanager/ports/postgres_schema.h"
#include "dagmanager/ports/postgres_topic_admin.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"

#ifdef WEIR_CRASH_POINTS
/// A process that is killed before, between or after the steps of the PostgreSQL adapters, and the
/// repeat by another.
namespace weir::dagmanager {
namespace {

using test::describe;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::succeeded;

/// How the killed process, which is this test again, is told of its parent's database.
constexpr const char* kDsn = "WEIR_CRASH_TEST_DSN";

/// A whole diff: names, topics, change. What it came to matters to the repeat only.
void run_diff(const std::string& dsn, bool repeated) {
  test::PostgresInstance instance(dsn, 1);
  const auto binding = make_binding("s1", "w1");
  Diff diff(instance.store(), binding, {make_node("a"), make_node("b")});
  diff.view().reserve();
  std::vector<TopicSpec> topics;
  for (const TopicIntent& intent : diff.batch().intents) {
    topics.push_back({intent.topic, intent.shape});
  }
  PostgresTopicAdmin admin(instance.pool());
  const auto made = admin.create(topics);
  std::vector<DeployNode> nodes;
  for (const NodeRecord& node : diff.change().nodes) nodes.push_back({node.row, node.name, true});
  diff.change().deploy = make_deploy(*binding, "v1", nodes, test::at(1));
  diff.change().deploy->key.node_set = "a and b";
  diff.change().sentinel = make_sentinel(*diff.change().deploy, 0.5);
  diff.change().log.resize(2);
  const auto committed = diff.commit();
  if (!repeated) return;
  EXPECT_TRUE(succeeded(made));
  EXPECT_TRUE(succeeded(committed));
}

class CrashPointTest : public testing::TestWithParam<const char*> {
 protected:
  CrashPointTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (std::getenv(kDsn) != nullptr) return;  // the process to be killed
    graph_.emplace();
    const auto owner = graph_->database().connect();
    EXPECT_TRUE(succeeded(prepare_topic_schema(*owner)));
    setenv(kDsn, graph_->database().dsn().c_str(), 1);
  }
  ~CrashPointTest() override {
    if (graph_) unsetenv(kDsn);
  }
  std::int64_t count(const char* table) {
    return graph_->number(std::string("SELECT count(*) FROM ") + table);
  }

  std::optional<test::PostgresGraph> graph_;
};

TEST_P(CrashPointTest, LeavesNothingThatARepeatDoesNotTakeOver) {
  EXPECT_EXIT(
      {
        setenv("WEIR_CRASH_AT", (std::string(GetParam()) + ":1").c_str(), 1);
        run_diff(std::getenv(kDsn), false);
        std::exit(0);
      },
      testing::ExitedWithCode(137), "");
  ASSERT_TRUE(graph_);
  graph_->kill_sessions();  // What the killed process began is over when this returns.
  const bool committed = count("weir_dagmanager.compute_node") > 0;
  EXPECT_EQ(committed, std::string(GetParam()) == "store.after_commit");
  // All of the change is there, or nothing of it.
  EXPECT_EQ(count("weir_dagmanager.queue WHERE state = 'active'"), committed ? 2 : 0);
  EXPECT_EQ(count("weir_dagmanager.deploy"), committed ? 1 : 0);
  EXPECT_EQ(count("weir_dagmanager.sentinel"), committed ? 1 : 0);
  EXPECT_EQ(count("weir_dagmanager.topic_log"), committed ? 2 : 0);
  EXPECT_EQ(count("weir_dagmanager.outbox") > 0, committed);

  run_diff(graph_->database().dsn(), true);
  EXPECT_EQ(count("weir_dagmanager.compute_node"), 2);
  EXPECT_EQ(count("weir_dagmanager.queue"), 2);
  EXPECT_EQ(count("weir_dagmanager.queue WHERE state = 'active'"), 2);
  EXPECT_EQ(count("weir_topics.topic_registry"), 2);
  EXPECT_EQ(count("weir_dagmanager.deploy"), 1);
  EXPECT_EQ(graph_->number("SELECT epoch FROM weir_dagmanager.graph_epoch"), 1);
}

std::string label_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Labels, CrashPointTest,
                         testing::Values("store.before_reserve", "store.after_reserve",
                                         "topics.before_create", "topics.after_create",
                                         "store.before_commit", "store.in_commit",
                                         "store.after_commit"),
                         label_name);

}  // namespace
}  // namespace weir::dagmanager
#endif
