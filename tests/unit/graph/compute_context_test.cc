// SPDX-License-Identifier: Apache-2.0
#include "graph/compute_context.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/blake3.h"

namespace weir::graph {
namespace {

RawContext context_of(const std::string& root) {
  const auto document = JsonDocument::parse(root);
  EXPECT_TRUE(document.ok()) << root;
  return document.ok() ? read_context(document->root()) : RawContext();
}

TEST(ReadContext, PrefersTheRootsContextToThatOfMeta) {
  EXPECT_EQ(context_of(R"({"compute_context":{"world_id":"w1"},
                           "meta":{"compute_context":{"world_id":"w2","as_of":"t"}}})"),
            (RawContext{.world_id = "w1"}));
  EXPECT_EQ(context_of(R"({"compute_context":null,"meta":{"compute_context":{"world":"w2"}}})"),
            (RawContext{.world_id = "w2"}));
}

TEST(ReadContext, TakesSecondNamesWhereTheFirstIsEmpty) {
  EXPECT_EQ(context_of(R"({"compute_context":{"world_id":" ","world":"w","domain":"live",
                           "datasetFingerprint":"d"}})"),
            (RawContext{.world_id = "w", .execution_domain = "live", .dataset_fingerprint = "d"}));
  EXPECT_EQ(context_of(R"({"meta":{"dataset_fingerprint":"d2"}})"),
            (RawContext{.dataset_fingerprint = "d2"}));
  EXPECT_EQ(context_of(R"({"compute_context":{"dataset_fingerprint":"d1"},
                           "meta":{"dataset_fingerprint":"d2"}})"),
            (RawContext{.dataset_fingerprint = "d1"}));
}

TEST(ReadContext, TakesTextAndNumbersAndNothingElse) {
  EXPECT_EQ(context_of(R"({"compute_context":{"world_id":true,"execution_domain":["live"],
                           "as_of":2025.50,"partition":7}})"),
            (RawContext{.as_of = "2025.5", .partition = "7"}));
}

TEST(MergeContext, LetsTheRequestWinFieldByField) {
  const RawContext request = {.world_id = " w1 ", .execution_domain = " ", .partition = "p"};
  const RawContext dag = {.world_id = "w2", .execution_domain = "live", .as_of = "t"};
  EXPECT_EQ(
      merge_context(request, dag),
      (RawContext{.world_id = "w1", .execution_domain = "live", .as_of = "t", .partition = "p"}));
}

TEST(EvaluateContext, TakesAnUnknownDomainForNone) {
  for (const char* domain : {"", "default", "DEFAULT", "staging", "livefoo", "/:", "_-"}) {
    const ComputeContext context = evaluate_context({.execution_domain = domain, .as_of = "t"});
    EXPECT_EQ(context.execution_domain, "backtest") << domain;
    EXPECT_EQ(context.downgrade, DowngradeReason::DecisionUnavailable) << domain;
    EXPECT_TRUE(context.safe_mode);
    EXPECT_EQ(context.as_of, "t");
  }
}

TEST(EvaluateContext, NeedsATimeForBacktestAndDryrunOnly) {
  for (const char* domain : {"backtest", "dryrun", "paper"}) {
    const ComputeContext context = evaluate_context({.execution_domain = domain});
    EXPECT_EQ(context.execution_domain, "backtest");
    EXPECT_EQ(context.downgrade, DowngradeReason::MissingAsOf);
    EXPECT_FALSE(evaluate_context({.execution_domain = domain, .as_of = "t"}).safe_mode);
  }
  for (const char* domain : {"live", "shadow"}) {
    const ComputeContext context = evaluate_context({.execution_domain = domain});
    EXPECT_EQ(context.execution_domain, domain);
    EXPECT_FALSE(context.safe_mode);
  }
}

TEST(CanonicalDomain, TakesTheFirstSegmentThatMeansOne) {
  EXPECT_EQ(canonical_domain("worlds/alpha:paper-trade"), "dryrun");
  EXPECT_EQ(canonical_domain("Live/backtest"), "live");
  EXPECT_EQ(canonical_domain("dry\u00a0_-\u2003RUN"), "dryrun");
  EXPECT_EQ(canonical_domain("sim"), "dryrun");
  EXPECT_EQ(canonical_domain("default"), std::nullopt);
}

TEST(DowngradeText, SpellsItsReasons) {
  EXPECT_EQ(downgrade_text(DowngradeReason::DecisionUnavailable), "decision_unavailable");
  EXPECT_EQ(downgrade_text(DowngradeReason::MissingAsOf), "missing_as_of");
  EXPECT_EQ(downgrade_text(DowngradeReason::None), "");
}

TEST(ComputeKey, HashesItsFiveFieldsOnly) {
  ComputeContext context = {
      .world_id = "w", .execution_domain = "live", .as_of = "t", .partition = "p"};
  const NodeId node("blake3:a");
  const ComputeKey key = compute_key(node, context);
  EXPECT_EQ(key.text(), "blake3:" + base::blake3_hex("blake3:a\x1fw\x1flive\x1ft\x1fp"));
  context.dataset_fingerprint = "d";
  context.safe_mode = true;
  EXPECT_EQ(compute_key(node, context), key);
  std::set<std::string> keys = {key.text()};
  for (std::string ComputeContext::* field :
       {&ComputeContext::world_id, &ComputeContext::execution_domain, &ComputeContext::as_of,
        &ComputeContext::partition}) {
    ComputeContext other = context;
    other.*field += "x";
    EXPECT_TRUE(keys.insert(compute_key(node, other).text()).second);
  }
}

TEST(BindingKey, KeepsStrategiesApartInSafeModeOnly) {
  ComputeContext context;
  EXPECT_EQ(binding_key(ComputeKey("k"), context, StrategyId("s")).text(), "k");
  context.safe_mode = true;
  EXPECT_EQ(binding_key(ComputeKey("k"), context, StrategyId("s")).text(), "k|s");
}

TEST(PartitionKey, IsTakenApartAgainByTheGateway) {
  const std::string key = partition_key(
      {.node_id = "blake3:ab", .interval = "60", .bucket = "", .compute_key = "blake3:cd"});
  EXPECT_EQ(key, "blake3:ab:60:0#ck=blake3:cd");
  EXPECT_EQ(message_key(key, "9f"), "blake3:ab:60:0#ck=blake3:cd:9f");
  EXPECT_EQ(queue_map_key_to_node_id(key), "blake3:ab");
  EXPECT_EQ(queue_map_key_to_node_id("a:b"), "a");
  EXPECT_EQ(queue_map_key_to_node_id(""), "");
}

}  // namespace
}  // namespace weir::graph
