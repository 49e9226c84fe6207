// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "dispatcher/deploy/deploy_service.h"
#include "dispatcher/ports/dags/postgres_dag_store.h"
#include "drivers/postgres/pool.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {

/// A service over a database of its own, with two organisations.
class DeployTest : public testing::Test {
 protected:
  DeployTest();
  /// Whatever a test did, the auditor's queries count nothing.
  void TearDown() override;

  /// Deploys, and gives the reply; a refusal fails the test.
  DeployReply deployed(std::string_view yaml, DeployOptions options = {});
  /// Deploys, and gives the refusal; a reply fails the test.
  DeployRefusal refused(std::string_view yaml, DeployOptions options = {});
  Result<DeployAnswer<DeployReply>> deploy(std::string_view yaml, DeployOptions options = {});

  DagName dag(std::string_view name) const;
  std::int64_t number(const std::string& sql) { return plane_.number(sql); }
  std::vector<std::string> texts(const std::string& sql) { return plane_.texts(sql); }
  /// "<table> <rows>" of every table of schema `state`.
  std::vector<std::string> row_counts();
  /// What the auditor counts above 0: "I13 2".
  std::vector<std::string> violations();

  test::TaskPlane plane_;
  std::unique_ptr<postgres::Pool> pool_;
  std::unique_ptr<PostgresDagStore> store_;
  base::SeededRandom random_{20260102};
  OperatorRegistry operators_;
  Actor actor_;
  Actor other_;  ///< of another organisation
  int switches_ = 0;
  std::unique_ptr<DeployService> service_;
};

/// Options with one thing said.
inline DeployOptions activate(Activate how) {
  DeployOptions options;
  options.activate = how;
  return options;
}

/// cron → noop → noop, published as `name`s; `extra` goes behind the first job's schedule.
std::string chain_yaml(std::string_view dag, std::string_view published);

}  // namespace weir::dispatcher
