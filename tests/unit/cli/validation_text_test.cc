// SPDX-License-Identifier: Apache-2.0
#include "cli/validation_text.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

dispatcher::ValidationReport refused() {
  return {.errors = {{"E_TYPE", "jobs[0].name", 3, 5, "needs a text"},
                     {"E_VALUE", "jobs[0].runtime", 4, 14, "`lamda` is none", "lambda"}},
          .warnings = {{"W_UNUSED_JOB", "jobs[1].name", 9, 1, "nothing reads it"}}};
}

dispatcher::ValidationReport accepted() {
  dispatcher::ValidationReport report;
  report.file = dispatcher::DagFile{.name = "demo"};
  report.file->jobs.resize(1);
  return report;
}

TEST(ValidationText, HasALineAFaultWithItsPlaceFirst) {
  EXPECT_EQ(validation_text({{"a.yaml", refused()}, {"b.yaml", accepted()}}),
            "a.yaml:3:5: E_TYPE jobs[0].name: needs a text\n"
            "a.yaml:4:14: E_VALUE jobs[0].runtime: `lamda` is none; did you mean `lambda`?\n"
            "a.yaml:9:1: W_UNUSED_JOB jobs[1].name: nothing reads it\n"
            "b.yaml: valid: demo, 1 job\n");
}

TEST(ValidationText, IsOneObjectForAFileAndAListForSeveral) {
  const std::string good = R"({"file":"b","valid":true,"errors":[],"warnings":[]})";
  const std::string bad =
      R"({"file":"a","valid":false,"errors":[{"code":"E_TYPE","path":"jobs[0].name","line":3,)"
      R"("column":5,"detail":"needs a text"},{"code":"E_VALUE","path":"jobs[0].runtime","line":4,)"
      R"("column":14,"detail":"`lamda` is none","hint":"lambda"}],"warnings":[)"
      R"({"code":"W_UNUSED_JOB","path":"jobs[1].name","line":9,"column":1,)"
      R"("detail":"nothing reads it"}]})";
  EXPECT_EQ(validation_json({{"b", accepted()}}), good + "\n");
  EXPECT_EQ(validation_json({{"a", refused()}, {"b", accepted()}}), "[" + bad + "," + good + "]\n");
}

}  // namespace
}  // namespace weir::cli
