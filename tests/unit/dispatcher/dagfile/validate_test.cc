// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "dispatcher/dagfile/codes.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string file_text(const std::string& path) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> places(const std::vector<DagFault>& faults) {
  std::vector<std::string> texts;
  for (const DagFault& fault : faults) texts.push_back(place_text(fault));
  return texts;
}

TEST(DagFileValidation, TakesTheSoundDocumentsWithoutAWord) {
  for (const std::string_view name : {"cron", "ingest", "udf", "alerts"}) {
    const ValidationReport report = validated(sound_document(name));
    for (const DagFault& fault : report.errors) ADD_FAILURE() << name << fault_text(fault);
    for (const DagFault& fault : report.warnings) ADD_FAILURE() << name << fault_text(fault);
    EXPECT_TRUE(report.file.has_value()) << name;
  }
}

TEST(DagFileValidation, TellsEveryFaultInOneAnswerEachInItsPlace) {
  const Marked document = marked(R"x(name: «E_PATTERN»bad name
defaults: {«E_UNKNOWN_FIELD»max_atempts: 3}
jobs:
  - name: a
    activation: source
    runtime: dispatcher
    operator: «E_UNKNOWN_OPERATOR»trigger_corn
    outputs: «E_RANGE»0
    source: {kind: cron, schedule: «E_SCHEDULE»rate(5 minute)}
  - «E_MISSING_FIELD»name: b
    activation: reactive
    runtime: «E_VALUE»lamda
    operator: noop
    outputs: 1
    priority: «E_TYPE»[high]
    inputs:
      - from: {job: «E_UNKNOWN_JOB»c, output: 0}
    execution_strategy: PerUpdate
    «E_RESERVED»idle_timeout: 5
publish:
  x: {from: {job: b, output: 0}, «E_STORAGE»storage: s3}
)x");
  const ValidationReport report = validated(document.text);
  EXPECT_EQ(places(report.errors), document.expected);
  ASSERT_EQ(report.errors.size(), 11U);
  EXPECT_EQ(report.errors[1].hint, "max_attempts");
  EXPECT_EQ(report.errors[1].path, "defaults.max_atempts");
  EXPECT_EQ(report.errors[2].hint, "trigger_cron");
  EXPECT_EQ(report.errors[5].path, "jobs[1].update_strategy");
  EXPECT_EQ(report.errors[6].hint, "lambda");
  EXPECT_EQ(report.errors[8].path, "jobs[1].inputs[0].from.job");
  EXPECT_FALSE(report.file.has_value());
}

TEST(DagFileValidation, TellsTheOneDanglingReferenceOfTheSpecificationsExample) {
  const ValidationReport report = validated(file_text("tests/data/dagfile/specification.yaml"));
  ASSERT_THAT(places(report.errors), ElementsAre("E_UNKNOWN_JOB 29:22"));
  EXPECT_EQ(report.errors[0].path, "jobs[1].inputs[0].from.job");
}

TEST(DagFileValidation, TakesTheExamples) {
  OperatorRegistry operators;
  ASSERT_TRUE(operators.add_file(file_text("examples/operators/operators.json")).ok());
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/examples/dags")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const std::string name = entry.path().filename();
    const ValidationReport report =
        validated(file_text("examples/dags/" + name), nullptr, operators);
    EXPECT_THAT(places(report.errors), IsEmpty()) << name;
    EXPECT_THAT(places(report.warnings), IsEmpty()) << name;
  }
  EXPECT_GE(files, 1U);
}

TEST(DagFileValidation, HasEveryCodeInACaseWithItsPlace) {
  std::string cases;
  for (const auto& entry :
       std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/tests/unit/dispatcher/dagfile")) {
    cases += file_text("tests/unit/dispatcher/dagfile/" + entry.path().filename().string());
  }
  std::vector<std::string_view> codes(code::kErrors.begin(), code::kErrors.end());
  codes.insert(codes.end(), code::kWarnings.begin(), code::kWarnings.end());
  for (const std::string_view code : codes) {
    const bool marked_or_spelled = cases.contains("«" + std::string(code) + "»") ||
                                   cases.contains("\"" + std::string(code) + " ");
    EXPECT_TRUE(marked_or_spelled) << code;
  }
}

TEST(DagFileValidation, StopsAtTwoHundredFaultsAndSaysSo) {
  std::string text = "name: d\njobs:\n";
  for (int i = 0; i < 250; ++i) text += "  - {}\n";
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 201U);
  EXPECT_EQ(place_text(report.errors[199]), "E_MISSING_FIELD 42:5");
  EXPECT_EQ(place_text(report.errors[200]), "E_TOO_MANY 43:5");
  EXPECT_EQ(report.errors[200].detail, "1050 more faults are not shown");
}

TEST(DagFileValidation, KeepsTheFirstOfVeryManyFaults) {
  std::string text = "name: d\njobs: []\nzz: {}\n";
  for (int i = 0; i < 60'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 201U);
  EXPECT_EQ(place_text(report.errors[0]), "E_LIMIT 2:7");
  EXPECT_EQ(place_text(report.errors[1]), "E_UNKNOWN_FIELD 3:1");
  EXPECT_EQ(place_text(report.errors[199]), "E_UNKNOWN_FIELD 201:1");
  EXPECT_EQ(report.errors[200].detail, "59802 more faults are not shown");
}

TEST(DagFileValidation, SeesColumnsAsCharactersAndSkipsAByteOrderMark) {
  const std::string text = "\xef\xbb\xbfname: d\njobs: []\npublish: {\"é→𝄞\": x}\n";
  EXPECT_THAT(places(validated(text).errors), ElementsAre("E_LIMIT 2:7", "E_TYPE 3:18"));
}

TEST(DagFileValidation, HoldsADeployAgainstTheInstallation) {
  KnownNames known;
  known.bundles["b1"].language = BundleLanguage::Python;
  known.owned_by_others = {"done"};
  const Engines engines{.operators = {"noop", "udf"}};
  const auto deployed = [&](std::string_view text, std::string name) {
    return validate_dag(text, {.mode = ValidationMode::Deploy,
                               .operators = test_operators(),
                               .known = &known,
                               .engines = &engines,
                               .expected_name = std::move(name),
                               .now = kTestNow});
  };
  const Marked user = marked(changed_document({"udf", "name: user", "name: user"}));
  EXPECT_THAT(places(deployed(user.text, "user").errors),
              ElementsAre("E_NOT_AVAILABLE 6:15", "E_NOT_AVAILABLE 40:17", "E_NOT_AVAILABLE 47:5",
                          "E_NOT_AVAILABLE 53:17", "E_DATASET_OWNED 55:3"));
  EXPECT_THAT(places(deployed(user.text, "other").errors),
              testing::Contains("E_NAME_MISMATCH 1:7"));
  EXPECT_THAT(places(deployed(sound_document("ingest"), "market").errors),
              testing::Contains("E_CONFIG 20:7"))
      << "there is no ingest root";
}

TEST(DagFileValidation, FillsInTheModel) {
  const DagFile file = sound(sound_document("ingest"));
  ASSERT_EQ(file.jobs.size(), 4U);
  EXPECT_THAT(file.order, ElementsAre(0, 1, 2, 3));
  const DagJob& load = file.jobs[1];
  EXPECT_EQ(load.operation->name, "table_ingest");
  EXPECT_EQ(load.inputs.at(0).job, 0U);
  EXPECT_EQ(load.outputs.at(0).place.write_mode, WriteMode::Direct);
  EXPECT_EQ(load.outputs.at(0).dataset, DatasetId("trades_raw"));
  EXPECT_EQ(load.tuning.timeout_seconds, 1800);
  EXPECT_EQ(load.tuning.max_queue_age_ms, 300'000);
  EXPECT_EQ(load.config_json,
            R"x({"columns":{"at":"bigint","price":{"nullable":true,"type":"double"}},)x"
            R"x("cursor_column":"at","delimiter":",","format":"csv","header":true,)x"
            R"x("missing":"fail","null_text":"","path":"trades/*.csv","root":"default"})x");
  EXPECT_EQ(file.jobs[3].outputs.at(0).place.storage, Storage::ObjectStore);
  EXPECT_EQ(file.jobs[2].outputs.at(0).place.storage, Storage::Events);
}

TEST(DagFileValidation, ResolvesADatasetOfTheSameFileToItsOutput) {
  const DagFile file = sound(sound_document("alerts"));
  EXPECT_EQ(file.jobs.at(3).inputs.at(0).job, 1U);
  EXPECT_EQ(file.jobs.at(3).outputs.at(0).place.storage, Storage::Virtual);
  EXPECT_EQ(file.jobs.at(0).tuning.timeout_seconds, std::nullopt) << "it has no end";
  EXPECT_TRUE(file.jobs.at(0).reset_outputs);
  EXPECT_EQ(file.jobs.at(1).outputs.at(0).schema->unique, std::vector<std::string>{"dedupe_key"});
}

TEST(DagFileValidation, NamesTheWayOfACycle) {
  std::string text = "name: d\njobs:\n";
  const auto job = [&](const std::string& name, const std::string& from) {
    text += "  - {name: " + name +
            ", activation: reactive, runtime: dispatcher, operator: noop, outputs: 1, "
            "execution_strategy: PerUpdate, update_strategy: replace, inputs: [{from: {job: " +
            from + ", output: 0}}]}\n";
  };
  job("a", "c");
  job("b", "a");
  job("c", "b");
  job("self", "self");
  job("behind", "a");
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 2U);
  EXPECT_EQ(report.errors[0].code, code::kCycle);
  EXPECT_EQ(report.errors[0].path, "jobs[0].inputs[0].from.job");
  EXPECT_EQ(report.errors[0].detail, "the jobs read each other: a → b → c → a");
  EXPECT_EQ(report.errors[1].detail, "the jobs read each other: self → self");
}

TEST(DagFileValidation, NamesTheEndsOfALongCycle) {
  std::string text = "name: d\njobs:\n";
  for (int i = 0; i < 2000; ++i) {
    text += "- {name: j" + std::to_string(i) +
            ", activation: reactive, runtime: dispatcher, operator: noop, outputs: 1, "
            "execution_strategy: PerUpdate, update_strategy: replace, inputs: [{from: {job: j" +
            std::to_string((i + 1999) % 2000) + ", output: 0}}]}\n";
  }
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(report.errors[0].detail,
            "the jobs read each other: j0 → j1 → j2 → j3 → j4 → j5 → j6 → j7 → … → j0");
}

TEST(ValidateDag, TellsOfAZeroCharacterOnceAndWithItsPath) {
  const ValidationReport report = validated(R"(name: d
jobs:
  - {name: go, activation: source, runtime: dispatcher, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - {name: "x\0", activation: source, runtime: dispatcher, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
publish:
  "a\0b": {from: {job: go, output: 0}}
)");
  std::vector<std::string> told;
  for (const DagFault& fault : report.errors) told.push_back(place_text(fault) + ' ' + fault.path);
  const std::string path = R"(publish["a\u0000b"])";
  EXPECT_THAT(told, ElementsAre("E_VALUE 5:12 jobs[1].name", "E_VALUE 8:3 " + path));
}

}  // namespace
}  // namespace weir::dispatcher
