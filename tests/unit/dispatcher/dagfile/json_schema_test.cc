// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/json_schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dispatcher/dagfile/tables.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

TEST(JsonSchema, IsTheCommittedPage) {
  std::ifstream file(WEIR_SOURCE_DIR "/docs/reference/dag.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), dag_json_schema(test_operators()))
      << "make it anew: weir dag schema > docs/reference/dag.schema.json";
}

TEST(JsonSchema, HasEveryFieldOfEveryTable) {
  const auto schema = nlohmann::json::parse(dag_json_schema(test_operators()));
  const auto expect_fields = [](const nlohmann::json& object, const FieldTable& table) {
    EXPECT_EQ(object["properties"].size(), table.rules.size());
    for (const FieldRule& rule : table.rules) {
      EXPECT_TRUE(object["properties"].contains(rule.name)) << rule.name;
    }
    EXPECT_EQ(object["additionalProperties"], false);
  };
  expect_fields(schema, document_table());
  expect_fields(schema["$defs"]["job"], job_table());
  expect_fields(schema["$defs"]["defaults"], defaults_table());
  expect_fields(schema["$defs"]["check"], check_table());
  expect_fields(schema["$defs"]["schema"], schema_table());
}

TEST(JsonSchema, KnowsExtensionOperators) {
  OperatorRegistry registry;
  ASSERT_TRUE(registry
                  .add_file(R"({"operators":[{"name":"mine","version":"1","needs_udf":true,)"
                            R"("runtimes":["lambda"],"execution_strategies":["PerUpdate"],)"
                            R"("update_strategies":["append"]}]})")
                  .ok());
  const auto schema = nlohmann::json::parse(dag_json_schema(registry));
  const auto names = schema["$defs"]["job"]["properties"]["operator"]["enum"];
  EXPECT_NE(std::find(names.begin(), names.end(), "mine"), names.end());
}

}  // namespace
}  // namespace weir::dispatcher
