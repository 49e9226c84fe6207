// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

namespace weir::dispatcher {
namespace {

/// A store that notes how long its last transaction of a deploy took.
class TimedStore final : public DagStore {
 public:
  explicit TimedStore(DagStore& store) : store_(store) {}

  Result<DagSurroundings> surroundings(const DagName& dag, bool ownership) override {
    return store_.surroundings(dag, ownership);
  }
  Result<DagStanding> standing(const StandingRequest& request) override {
    return store_.standing(request);
  }
  Result<void> make_tables(std::span<const DatasetTable> tables) override {
    return store_.make_tables(tables);
  }
  Result<DeployWrites> apply(const ApplyRequest& request) override {
    const ApplyRequest timed{.actor = request.actor,
                             .about = request.about,
                             .file = request.file,
                             .yaml_text = request.yaml_text,
                             .decide = [&](const DagStanding& standing) {
                               const Duration began = test::real_clock().monotonic();
                               auto writes = request.decide(standing);
                               decided_ = test::real_clock().monotonic() - began;
                               return writes;
                             }};
    const Duration began = test::real_clock().monotonic();
    auto writes = store_.apply(timed);
    took_ = test::real_clock().monotonic() - began;
    return writes;
  }
  Result<Page<DagRow>> list_dags(const DagName& of, const PageRequest& page) override {
    return store_.list_dags(of, page);
  }
  Result<Page<DagVersionRow>> list_versions(const DagName& dag, const PageRequest& page) override {
    return store_.list_versions(dag, page);
  }
  Result<DagVersionRow> read_version(const DagName& dag, const DagVersionId& id) override {
    return store_.read_version(dag, id);
  }
  Result<Page<DeployRow>> list_deploys(const DagName& dag, const PageRequest& page) override {
    return store_.list_deploys(dag, page);
  }
  Result<DeployRow> read_deploy(const DagName& dag, const DeployId& id) override {
    return store_.read_deploy(dag, id);
  }

  Duration took() const { return took_; }
  Duration decided() const { return decided_; }

 private:
  DagStore& store_;
  Duration took_{};
  Duration decided_{};
};

using LargeDag = DeployTest;

std::string thousand_jobs() {
  std::string yaml = "name: large\njobs:\n";
  for (int i = 0; i < 1000; ++i) {
    yaml += "  - {name: j" + std::to_string(i) + ", runtime: dispatcher, outputs: 1, ";
    if (i % 10 == 0) {
      yaml += "activation: source, operator: trigger_manual, source: {kind: manual}}\n";
    } else {
      yaml +=
          "activation: reactive, operator: noop, execution_strategy: PerUpdate, update_strategy: "
          "replace, inputs: [{from: {job: j" +
          std::to_string(i - 1) + ", output: 0}}]}\n";
    }
  }
  return yaml;
}

TEST_F(LargeDag, IsDeployedInOneShortTransaction) {
  TimedStore timed(*store_);
  DeployService service({.store = timed, .random = random_}, operators_,
                        own_engines(operators_, {}));
  const std::string yaml = thousand_jobs();
  const auto answer = service.deploy(actor_, {.dag = "large", .yaml = yaml});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  ASSERT_TRUE(answer->ok()) << answer->refused->detail;
  EXPECT_TRUE(answer->reply.created);
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE dispatch = 'open'"), 1000);
  EXPECT_EQ(number("SELECT count(*) FROM state.subscriptions"), 900);
  EXPECT_EQ(number("SELECT count(*) FROM state.edges"), 900);
  EXPECT_EQ(number("SELECT count(*) FROM state.source_state"), 100);
  // 500 ms is the figure of a quiet machine and an optimised build, which the benchmark checks;
  // here others compile beside us.
  const auto took_ms = timed.took() / std::chrono::milliseconds(1);
  RecordProperty("deploy_transaction_ms", static_cast<int>(took_ms));
  RecordProperty("decision_ms", static_cast<int>(timed.decided() / std::chrono::milliseconds(1)));
  EXPECT_LE(took_ms, 4 * 500);
  const auto again = service.deploy(actor_, {.dag = "large", .yaml = yaml});
  ASSERT_TRUE(again.ok() && again->ok());
  EXPECT_FALSE(again->reply.created);
}

}  // namespace
}  // namespace weir::dispatcher
