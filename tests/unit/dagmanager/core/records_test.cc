// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/records.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

DeployKey sample_key() {
  DeployKey key;
  key.strategy = graph::StrategyId("s");
  key.context.world_id = "w";
  key.context.execution_domain = "live";
  key.context.as_of = "a";
  key.context.partition = "p";
  key.version = graph::VersionLabel("v");
  key.node_set = "n";
  return key;
}

TEST(DeployKey, DependsOnEveryFieldThatMakesADeployAnother) {
  const std::vector<std::function<void(DeployKey&)>> edits = {
      [](DeployKey& key) { key.strategy = graph::StrategyId("t"); },
      [](DeployKey& key) { key.context.world_id = "x"; },
      [](DeployKey& key) { key.context.execution_domain = "shadow"; },
      [](DeployKey& key) { key.context.as_of = "b"; },
      [](DeployKey& key) { key.context.partition = "q"; },
      [](DeployKey& key) { key.version = graph::VersionLabel("u"); },
      [](DeployKey& key) { key.node_set = "m"; },
  };
  std::set<std::string> texts = {sample_key().text()};
  for (const auto& edit : edits) {
    DeployKey key = sample_key();
    edit(key);
    EXPECT_TRUE(texts.insert(key.text()).second);
  }
  EXPECT_EQ(sample_key().text().size(), 64U);
}

TEST(DeployKey, DoesNotDependOnTheDatasetWhichDecidesNothing) {
  DeployKey key = sample_key();
  key.context.dataset_fingerprint = "lake:42";
  EXPECT_EQ(key.text(), sample_key().text());
}

TEST(DeployKey, KeepsFieldsApart) {
  DeployKey left = sample_key();
  left.context.as_of = "a1:p";
  left.context.partition = "";
  DeployKey right = sample_key();
  right.context.as_of = "a";
  right.context.partition = "1:p";
  EXPECT_NE(left.text(), right.text());
}

TEST(BindingContext, SeesOnlyItsWorldWhereItHasANamespace) {
  graph::ComputeContext context;
  context.world_id = "w";
  context.execution_domain = "live";
  const BindingContext bare(context, graph::Namespace(), graph::StrategyId("s"));
  EXPECT_EQ(bare.scope, QueryScope());
  const BindingContext named(context, graph::Namespace("desk"), graph::StrategyId("s"));
  EXPECT_EQ(named.scope, (QueryScope{"w", "live"}));
}

}  // namespace
}  // namespace weir::dagmanager
