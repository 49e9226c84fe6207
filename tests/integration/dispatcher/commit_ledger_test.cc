// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_commit_ledger.h"

#include <gmock/gmock.h>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_fixture.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;
using testing::ElementsAre;

class CommitLedgerTest : public testing::Test {
 protected:
  CommitLedgerTest() : pool_(test::dispatcher_pool(plane_, plane_.database().dsn())) {
    plane_.script(test::healthy(Org::A) + test::healthy(Org::B));
  }

  /// The staging of an attempt of organisation B's dataset version 51.
  static std::string staging(const std::string& attempt) {
    const std::string version = test::seeded(Org::B, "{51}");
    return "s3://bucket/datasets/d/" + version.substr(1, version.size() - 2) + "/_staging/task/" +
           attempt + "/";
  }
  void commit(const std::string& location) {
    plane_.script(test::seeded(Org::B, "UPDATE state.partition_versions SET location = '" +
                                           location + "' WHERE dataset_version = {51}"));
  }
  std::vector<bool> ask(const std::vector<std::string>& prefixes) {
    PostgresCommitLedger ledger(*pool_);
    const auto named = ledger.names_any(prefixes);
    EXPECT_TRUE(named.ok()) << named.error().describe();
    return named.ok() ? *named : std::vector<bool>();
  }

  test::TaskPlane plane_;
  std::unique_ptr<postgres::Pool> pool_;
};

TEST_F(CommitLedgerTest, KnowsTheAttemptsThatAnyRevisionNames) {
  commit(staging("1") + "0-9/");
  EXPECT_THAT(ask({staging("2"), staging("1"), staging("11")}), ElementsAre(false, true, false));
  plane_.script("UPDATE state.partition_versions SET superseded_at = now()");
  EXPECT_THAT(ask({staging("1")}), ElementsAre(true)) << "readers may be pinned to it";
}

TEST_F(CommitLedgerTest, HoldsWhatIsNoStagingAgainstAllRevisions) {
  commit("s3://bucket/scratch/task/1/x/");
  EXPECT_THAT(ask({"s3://bucket/scratch/task/1/", "s3://bucket/scratch/task/2/"}),
              ElementsAre(true, false));
  EXPECT_THAT(ask({}), ElementsAre());
}

}  // namespace
}  // namespace weir::dispatcher
