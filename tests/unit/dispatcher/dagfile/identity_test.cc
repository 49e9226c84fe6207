// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/identity.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

constexpr std::string_view kVectorOne = R"x(# a comment
name: demo
jobs:
  - name: tick
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 1
    source: {kind: cron, schedule: "rate(5   minutes)"}
defaults: {max_queue_age: 5m}
)x";

constexpr std::string_view kVectorTwo = R"x(name: demo
jobs:
  - name: tick
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 1
    source: {kind: cron, schedule: rate(1 day)}
  - name: relay
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs: [{from: {job: tick, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: replace
publish:
  Demo é: {from: {job: relay, output: 0}}
)x";

std::vector<JobIdentity> identities(const DagFile& file) {
  auto named = identify_jobs(file, {});
  EXPECT_TRUE(named.ok());
  return named.ok() ? *named : std::vector<JobIdentity>(file.jobs.size());
}

TEST(DagIdentity, HashesTheNormalisedDocumentOfVectorOne) {
  const DagFile file = sound(kVectorOne);
  EXPECT_EQ(
      file.normalised,
      R"x({"defaults":{"max_queue_age":300000},"jobs":[{"activation":"source","name":"tick",)x"
      R"x("operator":"trigger_cron","outputs":1,"runtime":"dispatcher","source":)x"
      R"x({"kind":"cron","schedule":"rate(5 minutes)"}}],"name":"demo"})x");
  EXPECT_EQ(file.yaml_hash.text(),
            "blake3:e4520150d3a4ee4d4d63b8d17e331e2206d6df8a1501c45c0e0f3611ce497d67");
  EXPECT_EQ(file.registry_hash.text(),
            "blake3:bf0daf9d4ffc510501682a71a6cdff720a41e0995919b9d5bf7eb590184e54b2");
}

TEST(DagIdentity, HashesTheNormalisedDocumentOfVectorTwo) {
  const DagFile file = sound(kVectorTwo);
  EXPECT_EQ(
      file.normalised,
      R"x({"jobs":[{"activation":"reactive","execution_strategy":"PerUpdate","inputs":[{"from":)x"
      R"x({"job":"tick","output":0}}],"name":"relay","operator":"noop","outputs":1,"runtime":)x"
      R"x("dispatcher","update_strategy":"replace"},{"activation":"source","name":"tick",)x"
      R"x("operator":"trigger_cron","outputs":1,"runtime":"dispatcher","source":{"kind":"cron",)x"
      R"x("schedule":"rate(1 day)"}}],"name":"demo","publish":{"Demo é":{"from":{"job":"relay",)x"
      R"x("output":0}}}})x");
  EXPECT_EQ(file.yaml_hash.text(),
            "blake3:d99f26e0a0bcf9cc3ab90dbad4c61ff1f89df20eb5e212412eca24fbb28b0112");
  EXPECT_EQ(file.registry_hash.text(),
            "blake3:0f05c668ee1a03d902148a94c34dda41b663c06baaab4080853a7f28d552e6a2");
}

TEST(DagIdentity, NamesTheJobsOfVectorThree) {
  const DagFile file = sound(kVectorTwo);
  const std::vector<JobIdentity> named = identities(file);
  ASSERT_EQ(named.size(), 2U);
  EXPECT_EQ(core_json(file.jobs[0], nullptr),
            R"x({"config":{},"operator":"trigger_cron","operator_version":"1","outputs":1,)x"
            R"x("publish":[{"columns":null,"output":0,"storage":"events","unique":null,)x"
            R"x("write_mode":null}],"runtime":null,"source_kind":"cron","udf":null,)x"
            R"x("unique_key":null,"update_strategy":null})x");
  EXPECT_EQ(named[0].core.text(),
            "blake3:b1dac10e4d5298fef2549fb24d804078e64d8377c36e37fd436cd6eae747172f");
  EXPECT_EQ(named[0].node.text(),
            "blake3:925a56febdb48485e40222bff05fc1dffc823838939857f1b5b233cd7eea2f8d");
  EXPECT_EQ(named[1].core.text(),
            "blake3:4ae61b412ff92008d350d051f48403cd584d105c5a8840b58af21ec857b227a0");
  EXPECT_EQ(named[1].node.text(),
            "blake3:06612c995f7a6c7de694cdf0b498fa0d6896b1bcce43a6686573e1555d016c51");
  EXPECT_EQ(node_json(file.jobs[1], named[1].core, {named[0].node, {}}),
            R"x({"core":")x" + named[1].core.text() +
                R"x(","execution_strategy":"PerUpdate","inputs":[{"node":")x" +
                named[0].node.text() + R"x(","output":0,"where":null}]})x");
}

/// Vector two with one text in place of another, which must be there.
std::string changed(std::string_view from, std::string_view to) {
  std::string text(kVectorTwo);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(DagIdentity, SeesNoOrderLayoutQuotesNorComments) {
  const DagFile shuffled = sound(R"x(
publish: {"Demo é": {from: {output: 0, job: "relay"}}}   # first
defaults: {}
jobs:
- {update_strategy: "replace", execution_strategy: PerUpdate, name: relay, operator: noop,
   outputs: 1, runtime: dispatcher, activation: reactive, config: {}, secrets: [],
   inputs: [{from: {output: 0, job: tick}}]}
- {name: tick, outputs: 1, operator: "trigger_cron", activation: source, runtime: dispatcher,
   source: {schedule: "rate(1  day)", kind: "cron"}}
name: demo
)x");
  EXPECT_EQ(shuffled.yaml_hash, sound(kVectorTwo).yaml_hash);
}

TEST(DagIdentity, KeepsNamesWhereOnlyWhenAndHowOftenChange) {
  const std::vector<JobIdentity> before = identities(sound(kVectorTwo));
  for (const std::string& text :
       {changed("rate(1 day)", "rate(2 hours)"),
        changed("    outputs: 1\n    inputs",
                "    outputs: 1\n    priority: high\n"
                "    max_attempts: 9\n    inputs"),
        changed("Demo é", "other_name"),
        changed("runtime: dispatcher\n    operator: trigger",
                "runtime: lambda\n    operator: trigger"),
        changed("    outputs: 1\n    source",
                "    outputs: 1\n    timeout_seconds: 61\n    source"),
        changed("publish:", "defaults: {max_queue_depth: 5}\npublish:")}) {
    const DagFile file = sound(text);
    const std::vector<JobIdentity> after = identities(file);
    ASSERT_EQ(after.size(), 2U) << text;
    EXPECT_NE(file.yaml_hash, sound(kVectorTwo).yaml_hash) << text;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(after[i].core, before[i].core) << text;
      EXPECT_EQ(after[i].node, before[i].node) << text;
    }
  }
}

TEST(DagIdentity, GivesANewNodeAndTheSameCoreForAnotherStrategy) {
  const std::vector<JobIdentity> before = identities(sound(kVectorTwo));
  const std::string manual = changed("trigger_cron", "trigger_manual");
  std::string text = manual;
  text.replace(text.find("{kind: cron, schedule: rate(1 day)}"), 35, "{kind: manual}");
  const std::vector<JobIdentity> by_hand = identities(sound(text));
  EXPECT_NE(by_hand[0].core, before[0].core);
  EXPECT_EQ(by_hand[1].core, before[1].core);
  EXPECT_NE(by_hand[1].node, before[1].node) << "what is downstream of a change changes";
  text.replace(text.find("PerUpdate"), 9, "PerPartition");
  const std::vector<JobIdentity> partitions = identities(sound(text));
  EXPECT_EQ(partitions[1].core, by_hand[1].core);
  EXPECT_NE(partitions[1].node, by_hand[1].node);
}

TEST(DagIdentity, HashesAFilterInOneForm) {
  const auto filtered = [](std::string_view where) {
    KnownNames known;
    known.datasets["labels"].filterable = {{"kind", "string"}, {"chain", "bigint"}};
    return sound(
        "name: d\njobs:\n  - {name: r, activation: reactive, runtime: dispatcher, "
        "operator: noop, outputs: 1, execution_strategy: PerUpdate, "
        "update_strategy: replace, inputs: [{from: {dataset: labels}, where: " +
            std::string(where) + "}]}\n",
        &known);
  };
  const DagFile one = filtered("{kind: [b, a, b], chain: [1]}");
  EXPECT_EQ(one.jobs[0].inputs[0].where_json, R"x({"chain":1,"kind":["a","b"]})x");
  EXPECT_EQ(one.yaml_hash, filtered("{chain: 1, kind: [a, b]}").yaml_hash);
  EXPECT_NE(one.yaml_hash, filtered("{chain: 1, kind: [a]}").yaml_hash);
  const std::vector<JobIdentity> named = identities(one);
  EXPECT_EQ(node_json(one.jobs[0], named[0].core, {}),
            R"x({"core":")x" + named[0].core.text() +
                R"x(","execution_strategy":"PerUpdate","inputs":[{"dataset":"labels","where":)x"
                R"x({"chain":1,"kind":["a","b"]}}]})x");
}

constexpr std::string_view kUserCode = R"x(name: d
jobs:
  - {name: t, activation: source, runtime: lambda, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - name: u
    activation: reactive
    runtime: lambda
    operator: udf
    outputs: 1
    inputs: [{from: {job: t, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [k]
    udf: {bundle_id: b, entrypoint: m.f}
    config: {x: 1.50, y: [true, "1"]}
publish:
  rows:
    from: {job: u, output: 0}
    storage: postgres
    write_mode: buffered
    schema: {columns: {k: bigint, v: {type: text, nullable: true}}, unique: [k], indexes: [[v]]}
)x";

TEST(DagIdentity, HashesTheBundlesDigestAndNotItsName) {
  const DagFile file = sound(kUserCode);
  const KnownBundle python{.language = BundleLanguage::Python, .sha256 = std::string(64, 'a')};
  EXPECT_EQ(
      core_json(file.jobs[1], &python),
      R"x({"config":{"x":1.5,"y":[true,"1"]},"operator":"udf","operator_version":"1",)x"
      R"x("outputs":1,"publish":[{"columns":{"k":{"nullable":false,"type":"bigint"},)x"
      R"x("v":{"nullable":true,"type":"text"}},"output":0,"storage":"postgres","unique":["k"],)x"
      R"x("write_mode":"buffered"}],"runtime":"lambda","source_kind":null,"udf":)x"
      R"x({"entrypoint":"m.f","sha256":")x" +
          python.sha256 + R"x("},"unique_key":["k"],"update_strategy":"append"})x");
  KnownBundle rust = python;
  rust.language = BundleLanguage::Rust;
  EXPECT_NE(core_id(file.jobs[1], &python), core_id(file.jobs[1], &rust))
      << "of rust the entrypoint is ignored";
}

TEST(DagIdentity, NeedsTheDigestOfEachBundle) {
  const DagFile file = sound(kUserCode);
  EXPECT_FALSE(identify_jobs(file, {}).ok());
  EXPECT_FALSE(identify_jobs(file, {{"b", {}}}).ok());
  EXPECT_TRUE(identify_jobs(file, {{"b", {.sha256 = std::string(64, 'a')}}}).ok());
}

TEST(DagIdentity, FillsInDefaultsForTheOperatorAndNotForTheDocument) {
  const DagFile file = sound(R"x(name: d
jobs:
  - {name: s, activation: source, runtime: ecs_platform, operator: sequence_source, outputs: 1,
     source: {kind: always_on}, config: {end: 10}}
  - {name: w, activation: reactive, runtime: dispatcher, operator: range_aggregator, outputs: 1,
     inputs: [{from: {job: s, output: 0}}], execution_strategy: PerUpdate,
     update_strategy: replace, config: {cursor_column: n, range_size: 5}}
)x");
  EXPECT_EQ(file.jobs[0].config_json, R"x({"end":10,"interval_ms":1000,"start":0,"step":1})x");
  EXPECT_EQ(file.jobs[1].config_json,
            R"x({"cursor_column":"n","mode":"range","origin":0,"range_size":5})x");
  EXPECT_NE(file.normalised.find(R"x("config":{"end":10})x"), std::string::npos);
}

/// A table_ingest of csv with these members of its config.
DagFile ingesting(std::string_view config) {
  return sound(R"x(name: d
jobs:
  - {name: go, activation: source, runtime: lambda, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - {name: load, activation: reactive, runtime: ecs_platform, operator: table_ingest, outputs: 1,
     inputs: [{from: {job: go, output: 0}}], execution_strategy: PerUpdate,
     update_strategy: replace, config: {path: a.csv, )x" +
               std::string(config) + "}}\n");
}

TEST(DagIdentity, KeepsTheOrderOfColumnsBesideWhatIsHashed) {
  const DagFile one = ingesting("format: csv, columns: {time: bigint, open: double}");
  const DagFile other = ingesting("format: csv, columns: {open: double, time: bigint}");
  EXPECT_EQ(one.jobs[1].column_order, (std::vector<std::string>{"time", "open"}));
  EXPECT_EQ(other.jobs[1].column_order, (std::vector<std::string>{"open", "time"}));
  EXPECT_EQ(one.yaml_hash, other.yaml_hash) << "files name their columns";
  EXPECT_EQ(identities(one)[1].node, identities(other)[1].node);
  EXPECT_EQ(one.jobs[1].config_json.find("columns_order"), std::string::npos);
}

TEST(DagIdentity, TheOrderOfColumnsOfAFileWithoutAHeaderDecidesWhatIsRead) {
  const DagFile sorted =
      ingesting("format: csv, header: false, columns: {open: double, time: bigint}");
  const DagFile other =
      ingesting("format: csv, header: false, columns: {time: bigint, open: double}");
  EXPECT_NE(sorted.yaml_hash, other.yaml_hash);
  EXPECT_NE(identities(sorted)[1].core, identities(other)[1].core);
  EXPECT_NE(identities(sorted)[1].node, identities(other)[1].node);
  constexpr std::string_view kOrder = R"x("columns_order":["time","open"])x";
  for (const std::string& json : {other.normalised, other.jobs[1].config_json}) {
    EXPECT_NE(json.find(kOrder), std::string::npos) << json;
  }
  // In the order of names a document is as it was before the order was kept.
  EXPECT_EQ(sorted.normalised.find("columns_order"), std::string::npos);
  const DagFile lines =
      ingesting("format: jsonl, header: false, columns: {time: bigint, open: double}");
  EXPECT_EQ(lines.normalised.find("columns_order"), std::string::npos) << "lines name theirs";
}

}  // namespace
}  // namespace weir::dispatcher
