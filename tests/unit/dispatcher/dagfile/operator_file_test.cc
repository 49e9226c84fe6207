// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dispatcher/dagfile/operator_registry.h"
#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

constexpr std::string_view kEnrich = R"x({"operators": [{
  "name": "enrich", "version": "3", "runtimes": ["ecs_platform"],
  "execution_strategies": ["PerUpdate", "PerPartition"], "update_strategies": ["append", "replace"],
  "outputs": 1, "scope": "trigger", "storage": {"replace": "s3", "append": "events"},
  "writes": ["buffered"], "flags": ["ordered"], "command": ["python3", "enrich.py"],
  "config": {
    "table": {"type": "text", "required": true, "meaning": "What it looks up"},
    "mode": {"type": "text", "values": ["fast", "exact"], "default": "fast"},
    "threads": {"type": "integer", "min": 1, "max": 8, "default": 2, "execution_only": true},
    "extra": {"type": "any"}},
  "filterable": {"kind": "string"}}]})x";

std::string job(std::string_view config) {
  return R"x(name: d
jobs:
  - {name: go, activation: source, runtime: lambda, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - name: e
    activation: reactive
    runtime: ecs_platform
    operator: enrich
    outputs: 1
    inputs: [{from: {job: go, output: 0}}]
    execution_strategy: PerPartition
    update_strategy: replace
    config: )x" +
         std::string(config) + "\npublish: {x: {from: {job: e, output: 0}}}\n";
}

TEST(OperatorFile, AddsOperatorsBesideTheBuiltInOnes) {
  OperatorRegistry registry;
  ASSERT_TRUE(registry.add_file(kEnrich).ok());
  const OperatorRegistry moved = std::move(registry);
  const OperatorSpec* enrich = moved.find("enrich");
  ASSERT_NE(enrich, nullptr);
  EXPECT_NE(moved.find("noop"), nullptr);
  EXPECT_EQ(moved.find("rich"), nullptr);
  EXPECT_EQ(enrich->version, "3");
  EXPECT_TRUE(enrich->ordered);
  EXPECT_THAT(enrich->command, testing::ElementsAre("python3", "enrich.py"));
  const ValidationReport report = validate_dag(job("{table: coins, threads: 4, extra: {a: [1]}}"),
                                               {.operators = moved, .now = kTestNow});
  for (const DagFault& fault : report.errors) ADD_FAILURE() << fault_text(fault);
  ASSERT_TRUE(report.file.has_value());
  EXPECT_EQ(report.file->jobs[1].config_json,
            R"({"extra":{"a":[1]},"mode":"fast","table":"coins","threads":4})");
  EXPECT_EQ(report.file->jobs[1].identity_json,
            R"({"extra":{"a":[1]},"mode":"fast","table":"coins"})");
  EXPECT_EQ(report.file->jobs[1].outputs[0].place.storage, Storage::ObjectStore);
}

TEST(OperatorFile, ChecksTheConfigsOfItsOperators) {
  OperatorRegistry registry;
  ASSERT_TRUE(registry.add_file(kEnrich).ok());
  const auto faults = [&](std::string_view config) {
    std::vector<std::string> texts;
    for (const DagFault& fault :
         validate_dag(job(config), {.operators = registry, .now = kTestNow}).errors) {
      texts.push_back(place_text(fault) + ' ' + fault.path);
    }
    return texts;
  };
  EXPECT_THAT(faults("{}"), testing::ElementsAre("E_CONFIG 13:13 jobs[1].config.table"));
  EXPECT_THAT(faults("{table: t, threads: 9, mode: slow}"),
              testing::ElementsAre("E_CONFIG 13:33 jobs[1].config.threads",
                                   "E_CONFIG 13:42 jobs[1].config.mode"));
  EXPECT_THAT(faults("{table: t, extra: [~]}"),
              testing::ElementsAre("E_TYPE 13:32 jobs[1].config.extra[0]"));
}

std::vector<std::string> refusals(std::string_view json) {
  OperatorRegistry registry;
  const std::size_t before = registry.names().size();
  const Result<void> added = registry.add_file(json);
  std::vector<std::string> paths;
  if (added.ok()) return paths;
  EXPECT_EQ(added.error().reason(), "operators_invalid");
  EXPECT_EQ(registry.names().size(), before) << "all or none";
  for (const Fault& fault : added.error().faults()) paths.push_back(fault.path);
  if (paths.empty()) paths.emplace_back("whole");
  return paths;
}

std::string enrich_with(std::string_view from, std::string_view to) {
  std::string text(kEnrich);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(OperatorFile, TellsEachFaultByItsPointer) {
  const auto at = [](const char* path) { return testing::ElementsAre(path); };
  EXPECT_THAT(refusals("{"), at("whole"));
  EXPECT_THAT(refusals("[]"), at(""));
  EXPECT_THAT(refusals("{}"), at("/operators"));
  EXPECT_THAT(refusals(R"({"operators":[],"x":1})"), at("/x"));
  EXPECT_THAT(refusals(enrich_with("\"enrich\"", "\"noop\"")), at("/operators/0/name"));
  EXPECT_THAT(refusals(enrich_with("\"enrich\"", "\"Enrich\"")), at("/operators/0/name"));
  EXPECT_THAT(refusals(enrich_with("\"3\"", "3")), at("/operators/0/version"));
  EXPECT_THAT(refusals(enrich_with("\"ecs_platform\"", "\"dispatcher\"")).front(),
              "/operators/0/runtimes/0");
  EXPECT_THAT(refusals(enrich_with("\"trigger\"", "\"nothing\"")), at("/operators/0/scope"));
  EXPECT_THAT(refusals(enrich_with("\"outputs\": 1", "\"outputs\": 65")),
              at("/operators/0/outputs"));
  EXPECT_THAT(refusals(enrich_with("\"append\": \"events\"", "\"append\": \"s3\"")),
              at("/operators/0/storage/append"));
  EXPECT_THAT(refusals(enrich_with("[\"buffered\"]", "[\"disk\"]")), at("/operators/0/writes/0"));
  EXPECT_THAT(refusals(enrich_with("\"ordered\"", "\"inline\"")), at("/operators/0/flags/0"));
  EXPECT_THAT(refusals(enrich_with("[\"python3\", \"enrich.py\"]", "\"python3\"")),
              at("/operators/0/command"));
  EXPECT_THAT(refusals(enrich_with("\"default\": 2", "\"default\": 9")),
              at("/operators/0/config/threads/default"));
  EXPECT_THAT(refusals(enrich_with("\"default\": \"fast\"", "\"default\": \"slow\"")),
              at("/operators/0/config/mode/default"));
  EXPECT_THAT(refusals(enrich_with("{\"type\": \"any\"}", "{\"type\": \"thing\"}")),
              at("/operators/0/config/extra/type"));
  EXPECT_THAT(refusals(enrich_with("{\"kind\": \"string\"}", "{\"kind\": \"word\"}")),
              at("/operators/0/filterable/kind"));
  EXPECT_THAT(refusals(enrich_with("\"outputs\": 1,", "\"outputs\": 1, \"outputs\": 1,")).front(),
              "/operators/0/outputs");
}

}  // namespace
}  // namespace weir::dispatcher
