// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

#include "dispatcher/ports/database/postgres_auditor.h"

namespace weir::dispatcher {
namespace {

Uuid uuid(std::string_view text) { return Uuid::parse(text).value_or(Uuid{}); }

}  // namespace

DeployTest::DeployTest() {
  actor_.org_id = OrgId(uuid("00000000-0000-7000-8000-00000000000a"));
  other_.org_id = OrgId(uuid("00000000-0000-7000-8000-00000000000b"));
  plane_.script("INSERT INTO state.orgs (org_id, slug, name) VALUES ('" + actor_.org_id.text() +
                "', 'a', 'A'), ('" + other_.org_id.text() + "', 'b', 'B')");
  postgres::PoolOptions options;
  options.connect =
      service_connect_options(plane_.database().dsn(), ServiceRole::Dispatcher, plane_.state());
  options.connections_max = 4;
  pool_ = std::make_unique<postgres::Pool>(options, test::real_clock());
  store_ = std::make_unique<PostgresDagStore>(*pool_, *pool_);
  service_ = std::make_unique<DeployService>(
      DeployPorts{.store = *store_, .random = random_, .switched = [this] { ++switches_; }},
      operators_, own_engines(operators_, {"default"}));
}

void DeployTest::TearDown() { EXPECT_EQ(violations(), std::vector<std::string>()); }

Result<DeployAnswer<DeployReply>> DeployTest::deploy(std::string_view yaml, DeployOptions options) {
  constexpr std::string_view kName = "name: ";
  const std::size_t from = yaml.find(kName) + kName.size();
  DeployRequest request;
  request.dag = yaml.substr(from, yaml.find('\n', from) - from);
  request.yaml = yaml;
  request.options = std::move(options);
  return service_->deploy(actor_, request);
}

DeployReply DeployTest::deployed(std::string_view yaml, DeployOptions options) {
  auto answer = deploy(yaml, std::move(options));
  if (!answer.ok()) {
    ADD_FAILURE() << answer.error().describe();
    return {};
  }
  if (answer->refused) {
    ADD_FAILURE() << answer->refused->code << ": " << answer->refused->detail << ' '
                  << faults_json(answer->refused->errors);
  }
  return answer->reply;
}

DeployRefusal DeployTest::refused(std::string_view yaml, DeployOptions options) {
  auto answer = deploy(yaml, std::move(options));
  if (!answer.ok()) {
    ADD_FAILURE() << answer.error().describe();
    return {};
  }
  EXPECT_TRUE(answer->refused.has_value());
  return answer->refused.value_or(DeployRefusal{});
}

DagName DeployTest::dag(std::string_view name) const {
  return {.org_id = actor_.org_id, .dag_name = std::string(name)};
}

std::vector<std::string> DeployTest::row_counts() {
  std::vector<std::string> counts;
  for (const std::string& table :
       texts("SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'state'::regnamespace"
             " AND c.relkind = 'r' ORDER BY 1")) {
    counts.push_back(table + ' ' + std::to_string(number("SELECT count(*) FROM state." + table)));
  }
  return counts;
}

std::vector<std::string> DeployTest::violations() {
  std::vector<std::string> found;
  const auto session = plane_.session(ServiceRole::Dispatcher);
  const auto counts = run_audit(*session, nullptr);
  if (!counts.ok()) return {counts.error().describe()};
  for (const AuditCount& count : *counts) {
    if (count.violations == 0) continue;
    found.push_back(std::string(count.id) + ' ' + std::to_string(count.violations));
  }
  return found;
}

std::string chain_yaml(std::string_view dag, std::string_view published) {
  return "name: " + std::string(dag) + R"(
jobs:
  - name: tick
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 1
    source: {kind: cron, schedule: rate(1 hour)}
  - name: relay
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs: [{from: {job: tick, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: replace
publish:
  )" + std::string(published) +
         R"(: {from: {job: relay, output: 0}}
)";
}

}  // namespace weir::dispatcher
