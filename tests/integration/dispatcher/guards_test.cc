// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;
using test::seeded;

constexpr const char* kRefused = "23001";  // restrict_violation

/// Even a superuser, whom no right binds, may not change what is for good.
class GuardsTest : public testing::Test {
 protected:
  GuardsTest() { plane_.script(test::healthy(Org::A)); }
  std::string refusal(const std::string& sql) {
    return test::refusal(plane_.superuser(), seeded(Org::A, sql));
  }
  test::TaskPlane plane_;
};

TEST_F(GuardsTest, DefinitionsAreImmutable) {
  for (const char* sql :
       {"UPDATE state.dag_versions SET yaml_text = ''", "UPDATE state.jobs SET timeout_seconds = 1",
        "UPDATE state.edges SET from_output = 1", "DELETE FROM state.dag_versions",
        "DELETE FROM state.jobs", "DELETE FROM state.edges", "TRUNCATE state.dag_versions CASCADE",
        "TRUNCATE state.jobs CASCADE", "TRUNCATE state.edges"}) {
    EXPECT_EQ(refusal(sql), kRefused) << sql;
  }
}

TEST_F(GuardsTest, PointersThatWereCurrentAreFrozen) {
  for (const char* sql :
       {"UPDATE state.dag_version_builds SET build_id = {22}",
        "UPDATE state.dag_version_datasets SET dataset_version = {52}",
        "INSERT INTO state.dag_version_datasets VALUES ({30}, {ff}, {52}, NULL)",
        "DELETE FROM state.dag_version_builds", "DELETE FROM state.dag_version_datasets",
        "TRUNCATE state.dag_version_builds", "TRUNCATE state.dag_version_datasets"}) {
    EXPECT_THAT(refusal(sql), testing::AnyOf(kRefused, "23503")) << sql;
  }
  EXPECT_EQ(refusal("DELETE FROM state.dag_version_builds"), kRefused);
  EXPECT_EQ(refusal("UPDATE state.dag_version_datasets SET dataset_version = {52}"), kRefused);
}

TEST_F(GuardsTest, PointersOfACandidateAreWritten) {
  EXPECT_EQ(
      refusal("INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no)"
              " VALUES ({31}, {10}, 2);"
              "INSERT INTO state.dag_version_builds VALUES ({31}, {10}, 'bars', {22});"
              "INSERT INTO state.datasets (dataset_uuid, org_id, dag_name, job_name, output_index)"
              " VALUES ({42}, {01}, 'trades', 'bars', 1);"
              "INSERT INTO state.dag_version_datasets VALUES ({31}, {42}, {52}, NULL);"
              "UPDATE state.dag_version_builds SET build_id = {21}"
              " WHERE pointer_set_id = {31}"),
      "");
  // But nothing moves from it into a set that was current.
  EXPECT_EQ(refusal("DELETE FROM state.dag_version_builds WHERE pointer_set_id = {31};"
                    "INSERT INTO state.dag_version_builds VALUES ({31}, {10}, 'ticks', {20})"),
            "");
  EXPECT_EQ(refusal("UPDATE state.dag_version_datasets SET pointer_set_id = {30}"
                    " WHERE pointer_set_id = {31}"),
            kRefused);
}

TEST_F(GuardsTest, APurgeTakesAWholeVersionOrNothing) {
  // A version that nothing stands on any more.
  plane_.script(seeded(Org::A,
                       "INSERT INTO state.dag_versions (dag_version_id, org_id, dag_name,"
                       " version_no, yaml_hash, registry_hash, yaml_text, canonical)"
                       " SELECT {11}, org_id, dag_name, 2, yaml_hash, 'blake3:' || repeat('2', 64),"
                       " yaml_text, canonical FROM state.dag_versions;"
                       "INSERT INTO state.jobs SELECT (jsonb_populate_record(j, jsonb_build_object("
                       "'dag_version_id', {11}))).* FROM state.jobs j;"
                       "INSERT INTO state.edges SELECT (jsonb_populate_record(e,"
                       " jsonb_build_object('dag_version_id', {11}))).* FROM state.edges e"));
  const std::string purge =
      "BEGIN; SET LOCAL weir.purge = {11};"
      "DELETE FROM state.edges WHERE dag_version_id = {11};"
      "DELETE FROM state.jobs WHERE dag_version_id = {11};";
  EXPECT_EQ(refusal(purge + "COMMIT"), kRefused);
  EXPECT_EQ(refusal("BEGIN; SET LOCAL weir.purge = {11};"
                    "DELETE FROM state.edges WHERE dag_version_id = {10}; COMMIT"),
            kRefused);
  EXPECT_EQ(refusal("ROLLBACK"), "");
  EXPECT_EQ(plane_.number("SELECT count(*) FROM state.jobs"), 4);
  EXPECT_EQ(refusal(purge + "DELETE FROM state.dag_versions WHERE dag_version_id = {11}; COMMIT"),
            "");
  EXPECT_EQ(plane_.number("SELECT count(*) FROM state.jobs"), 2);
}

TEST_F(GuardsTest, OnePublishedNameHasOneProducer) {
  plane_.script(test::healthy(Org::B));
  EXPECT_EQ(test::refusal(plane_.superuser(),
                          seeded(Org::B,
                                 "INSERT INTO state.dataset_names (dataset_id, org_id,"
                                 " owner_dag_name, dataset_uuid)"
                                 " VALUES ('a/bars', {01}, 'trades', {41})")),
            "23505");
}

}  // namespace
}  // namespace weir::dispatcher
