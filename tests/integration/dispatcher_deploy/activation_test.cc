// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string file_text(const std::string& path) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR "/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

using Activation = DeployTest;

TEST_F(Activation, MakesAFirstVersionCurrent) {
  const DeployReply reply = deployed(chain_yaml("one", "marks"));
  EXPECT_TRUE(reply.created);
  EXPECT_EQ(reply.version_no, 1);
  ASSERT_TRUE(reply.deploy.has_value());
  EXPECT_EQ(reply.deploy->state, "active");
  EXPECT_EQ(reply.deploy->to, reply.dag_version_id);
  EXPECT_EQ(reply.deploy->builds_total, 2);
  EXPECT_EQ(reply.deploy->builds_ready, 2);
  EXPECT_EQ(switches_, 1);
  EXPECT_THAT(texts("SELECT dag_name || ' ' || generation || ' ' || dag_version_id"
                    " FROM state.dag_current_versions"),
              ElementsAre("one 1 " + reply.dag_version_id.text()));
  EXPECT_THAT(texts("SELECT job_name || ' ' || dispatch FROM state.builds ORDER BY 1"),
              ElementsAre("relay open", "tick open"));
  EXPECT_THAT(texts("SELECT dataset_id || ' ' || owner_dag_name FROM state.dataset_names"),
              ElementsAre("marks one"));
  EXPECT_THAT(texts("SELECT state || ' ' || kind FROM state.dataset_versions"),
              ElementsAre("complete events", "complete events"));
  EXPECT_THAT(texts("SELECT queue_name FROM state.wakeup_meters WHERE owed"),
              ElementsAre("tasks.dispatcher.normal"));
  EXPECT_THAT(texts("SELECT payload->>'type' FROM state.outbox WHERE kind = 'control_event'"
                    " ORDER BY 1"),
              ElementsAre("dag_cutover", "dataset_updated", "deploy_changed"));
  EXPECT_THAT(texts("SELECT action || ' ' || target FROM state.audit_log"),
              ElementsAre("dag_activated one"));
}

TEST_F(Activation, CountsARateFromTheMomentItsBuildOpened) {
  deployed(chain_yaml("one", "marks"));
  EXPECT_EQ(number("SELECT count(*) FROM state.source_state s JOIN state.builds b USING (build_id)"
                   " WHERE s.next_fire_at = b.opened_at + interval '1 hour'"),
            1);
}

TEST_F(Activation, ChangesNothingForTheSameDocument) {
  const DeployReply first = deployed(chain_yaml("one", "marks"));
  const std::vector<std::string> before = row_counts();
  const DeployReply again = deployed(chain_yaml("one", "marks"));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.dag_version_id, first.dag_version_id);
  EXPECT_FALSE(again.deploy.has_value());
  // Written another way, it says the same.
  const DeployReply other = deployed(R"x(# of the same meaning
name: one
publish: {"marks": {from: {output: 0, job: relay}}}
jobs:
  - {name: relay, operator: "noop", runtime: dispatcher, activation: reactive, outputs: 1,
     update_strategy: replace, execution_strategy: PerUpdate,
     inputs: [{from: {output: 0, job: "tick"}}]}
  - name: tick
    source: {schedule: "rate(1  hour)", kind: cron}
    operator: trigger_cron
    outputs: 1
    runtime: dispatcher
    activation: source
)x");
  EXPECT_EQ(other.dag_version_id, first.dag_version_id);
  EXPECT_EQ(row_counts(), before);
  EXPECT_EQ(switches_, 1);
}

TEST_F(Activation, StoresAnotherDocumentAndRefusesToSwitchToIt) {
  deployed(chain_yaml("one", "marks"));
  const std::vector<std::string> before = row_counts();
  EXPECT_EQ(refused(chain_yaml("one", "others")).code, "switch_not_available");
  EXPECT_EQ(row_counts(), before);
  const DeployReply stored = deployed(chain_yaml("one", "others"), activate(Activate::None));
  EXPECT_TRUE(stored.created);
  EXPECT_EQ(stored.version_no, 2);
  EXPECT_FALSE(stored.deploy.has_value());
  const auto activated =
      service_->set_active(actor_, {.dag = "one", .version = stored.dag_version_id});
  ASSERT_TRUE(activated.ok());
  ASSERT_TRUE(activated->refused.has_value());
  EXPECT_EQ(activated->refused->code, "switch_not_available");
  EXPECT_THAT(texts("SELECT dataset_id FROM state.dataset_names"), ElementsAre("marks"));
  const auto versions = store_->list_versions(dag("one"), {});
  ASSERT_TRUE(versions.ok());
  ASSERT_EQ(versions->rows.size(), 2U);
  EXPECT_EQ(versions->rows[0].state, "stored");
  EXPECT_EQ(versions->rows[1].state, "active");
}

TEST_F(Activation, ActivatesWhatWasStored) {
  const DeployReply stored = deployed(chain_yaml("one", "marks"), activate(Activate::None));
  EXPECT_EQ(number("SELECT count(*) FROM state.builds"), 0);
  EXPECT_EQ(switches_, 0);
  for (int i = 0; i < 2; ++i) {
    const auto activated =
        service_->set_active(actor_, {.dag = "one", .version = stored.dag_version_id});
    ASSERT_TRUE(activated.ok()) << activated.error().describe();
    ASSERT_TRUE(activated->ok()) << activated->refused->detail;
    EXPECT_FALSE(activated->reply.deploy.has_value());
    EXPECT_EQ(activated->reply.generation, 1);
  }
  EXPECT_EQ(switches_, 1);
}

TEST_F(Activation, WaitsForItsCutoverAndThenCarriesItOut) {
  const DeployReply waits = deployed(chain_yaml("one", "marks"), activate(Activate::Manual));
  ASSERT_TRUE(waits.deploy.has_value());
  EXPECT_EQ(waits.deploy->state, "ready");
  EXPECT_EQ(number("SELECT count(*) FROM state.dag_current_versions"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE dispatch = 'building'"), 2);
  EXPECT_THAT(violations(), IsEmpty());
  const std::vector<std::string> before = row_counts();
  const DeployReply again = deployed(chain_yaml("one", "marks"), activate(Activate::Manual));
  ASSERT_TRUE(again.deploy.has_value());
  EXPECT_EQ(again.deploy->id, waits.deploy->id);
  EXPECT_EQ(row_counts(), before);

  const auto done = service_->cutover(actor_, dag("one"), waits.deploy->id, 0);
  ASSERT_TRUE(done.ok()) << done.error().describe();
  ASSERT_TRUE(done->ok()) << done->refused->detail;
  EXPECT_EQ(done->reply.state, "active");
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE dispatch = 'open'"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM state.pointer_sets"), 1);
  const auto twice = service_->cutover(actor_, dag("one"), waits.deploy->id, {});
  ASSERT_TRUE(twice.ok());
  EXPECT_EQ(twice->refused.value_or(DeployRefusal{}).code, "deploy_finished");
}

TEST_F(Activation, CancelsAndBuildsAnewAfterwards) {
  const DeployReply waits = deployed(chain_yaml("one", "marks"), activate(Activate::Manual));
  ASSERT_TRUE(waits.deploy.has_value());
  const auto canceled = service_->cancel(actor_, dag("one"), waits.deploy->id);
  ASSERT_TRUE(canceled.ok()) << canceled.error().describe();
  ASSERT_TRUE(canceled->ok());
  EXPECT_EQ(canceled->reply.state, "canceled");
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE dispatch = 'stopped'"), 2);
  const auto twice = service_->cancel(actor_, dag("one"), waits.deploy->id);
  ASSERT_TRUE(twice.ok());
  EXPECT_EQ(twice->refused.value_or(DeployRefusal{}).code, "deploy_finished");
  const DeployReply active = deployed(chain_yaml("one", "marks"));
  EXPECT_FALSE(active.created);
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE dispatch = 'open'"
                   " AND generation = 2"),
            2);
}

TEST_F(Activation, SupersedesADeployThatWaitsAndTakesItsBuildsOver) {
  const DeployReply waits = deployed(chain_yaml("one", "marks"), activate(Activate::Manual));
  ASSERT_TRUE(waits.deploy.has_value());
  std::string changed = chain_yaml("one", "marks");
  changed.replace(changed.find("PerUpdate"), 9, "PerUpdate\n    priority: high");
  const DeployReply active = deployed(changed);
  ASSERT_TRUE(active.deploy.has_value());
  EXPECT_EQ(active.deploy->state, "active");
  EXPECT_EQ(number("SELECT count(*) FROM state.builds"), 2);
  EXPECT_THAT(texts("SELECT state FROM state.deploys ORDER BY created_at"),
              ElementsAre("superseded", "active"));
}

TEST_F(Activation, MakesTheTablesOfDirectOutputs) {
  const DeployReply reply = deployed(file_text("examples/dags/cross-chain-analytics.yaml"));
  EXPECT_TRUE(reply.created);
  const std::vector<std::string> tables = texts(
      "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'data'"
      " AND table_name LIKE 'd\\_%'");
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_THAT(texts("SELECT 'd_' || replace(dataset_version::text, '-', '')"
                    " FROM state.dataset_versions WHERE kind = 'table'"),
              ElementsAre(tables[0]));
  EXPECT_THAT(texts("SELECT column_name || ' ' || data_type || ' ' || is_nullable"
                    " FROM information_schema.columns WHERE table_name = '" +
                    tables[0] + "' AND column_name NOT LIKE '\\_weir%' ORDER BY ordinal_position"),
              ElementsAre("block_number bigint NO", "block_hash text NO",
                          "block_time timestamp with time zone NO", "gas_used numeric YES"));
  EXPECT_EQ(number("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                   " WHERE c.relname = '" +
                   tables[0] + "' AND i.indisunique"),
            1);
  EXPECT_THAT(texts("SELECT schema->>'unique' FROM state.dataset_versions WHERE kind = 'table'"),
              ElementsAre("[\"block_number\"]"));
}

TEST_F(Activation, ReadsADatasetOfAnotherDag) {
  deployed(chain_yaml("one", "marks"));
  const DeployReply reply = deployed(R"(name: two
jobs:
  - name: relay
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs: [{from: {dataset: marks}}]
    execution_strategy: PerUpdate
    update_strategy: replace
)");
  EXPECT_TRUE(reply.deploy.has_value());
  EXPECT_EQ(number("SELECT count(*) FROM state.subscriptions s JOIN state.builds b"
                   " ON b.build_id = s.consumer_build_id JOIN state.dataset_versions v"
                   " USING (dataset_version) JOIN state.builds p ON p.build_id = v.build_id"
                   " WHERE b.dag_name = 'two' AND p.dag_name = 'one'"),
            1);
  // Foreign is as unknown to another organisation.
  const auto foreign = service_->validate(
      other_, {.dag = {},
               .yaml = "name: three\njobs:\n  - {name: r, activation: reactive, runtime: "
                       "dispatcher, operator: noop, outputs: 1, inputs: [{from: "
                       "{dataset: marks}}], execution_strategy: PerUpdate, "
                       "update_strategy: replace}\n"});
  ASSERT_TRUE(foreign.ok());
  ASSERT_TRUE(foreign->refused.has_value());
  ASSERT_EQ(foreign->refused->errors.size(), 1U);
  EXPECT_EQ(foreign->refused->errors[0].code, "E_UNKNOWN_DATASET");
}

TEST_F(Activation, WritesADefinitionThatSaysAllOfTheJob) {
  deployed(file_text("examples/dags/cross-chain-analytics.yaml"));
  EXPECT_THAT(texts("SELECT concat_ws(' ', definition->>'name', definition->>'operator',"
                    " definition->>'operator_version', definition->'config'->>'step',"
                    " definition->>'ordered', definition->>'inline',"
                    " definition->'source'->>'kind', definition->'tuning'->>'max_attempts')"
                    " FROM state.builds WHERE job_name = 'follow_blocks'"),
              ElementsAre("follow_blocks sequence_source 1 1 false false always_on 3"));
  EXPECT_EQ(number("SELECT count(*) FROM state.builds WHERE definition->'core'->>'operator'"
                   " IS DISTINCT FROM definition->>'operator'"
                   " OR definition->'node'->>'core' IS DISTINCT FROM core_id"),
            0);
  EXPECT_EQ(number("SELECT count(*) FROM state.source_state WHERE kind = 'always_on'"
                   " AND enabled AND next_fire_at IS NULL"),
            1);
}

}  // namespace
}  // namespace weir::dispatcher
