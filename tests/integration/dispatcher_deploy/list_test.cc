// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

namespace weir::dispatcher {
namespace {

using DeployLists = DeployTest;

TEST_F(DeployLists, GivesDagsByNamePageByPage) {
  for (const char* name : {"b", "a", "c"}) deployed(chain_yaml(name, std::string("of_") + name));
  std::string seen;
  PageRequest page{.limit = 2};
  for (int pages = 0; pages < 3; ++pages) {
    const auto dags = store_->list_dags(dag(""), page);
    ASSERT_TRUE(dags.ok()) << dags.error().describe();
    for (const DagRow& row : dags->rows) {
      seen += row.dag_name + std::to_string(row.active_version_no.value_or(0)) + ' ';
      EXPECT_EQ(row.generation, 1);
    }
    if (dags->next.empty()) break;
    page.after = dags->next;
  }
  EXPECT_EQ(seen, "a1 b1 c1 ");
  const auto none = store_->list_dags({.org_id = other_.org_id, .dag_name = {}}, {});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->rows.empty());
}

TEST_F(DeployLists, GivesVersionsFromTheNewestWithTheirStates) {
  deployed(chain_yaml("one", "v1"), activate(Activate::None));
  deployed(chain_yaml("one", "v2"), activate(Activate::Manual));
  deployed(chain_yaml("one", "v3"), activate(Activate::None));
  std::string seen;
  PageRequest page{.limit = 2};
  while (true) {
    const auto versions = store_->list_versions(dag("one"), page);
    ASSERT_TRUE(versions.ok()) << versions.error().describe();
    for (const DagVersionRow& row : versions->rows) {
      seen += std::to_string(row.version_no) + row.state + ' ';
      EXPECT_TRUE(row.yaml_text.empty());
      const auto one = store_->read_version(dag("one"), row.id);
      ASSERT_TRUE(one.ok());
      EXPECT_EQ(one->yaml_text, chain_yaml("one", "v" + std::to_string(row.version_no)));
    }
    if (versions->next.empty()) break;
    page.after = versions->next;
  }
  EXPECT_EQ(seen, "3stored 2ready 1stored ");
  EXPECT_EQ(store_->list_versions(dag("two"), {}).error().reason(), "not_found");
}

TEST_F(DeployLists, GivesDeploysFromTheNewest) {
  deployed(chain_yaml("one", "v1"), activate(Activate::Manual));
  deployed(chain_yaml("one", "v2"), activate(Activate::Manual));
  deployed(chain_yaml("one", "v3"));
  std::string seen;
  PageRequest page{.limit = 2};
  while (true) {
    const auto deploys = store_->list_deploys(dag("one"), page);
    ASSERT_TRUE(deploys.ok()) << deploys.error().describe();
    for (const DeployRow& row : deploys->rows) seen += row.state + ' ';
    if (deploys->next.empty()) break;
    page.after = deploys->next;
  }
  EXPECT_EQ(seen, "active superseded superseded ");
  // What was taken over from deploy to deploy is there once.
  EXPECT_EQ(number("SELECT count(*) FROM state.builds"), 2);
}

}  // namespace
}  // namespace weir::dispatcher
