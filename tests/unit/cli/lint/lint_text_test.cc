// SPDX-License-Identifier: Apache-2.0
#include "cli/lint/lint_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir::cli {
namespace {

using graph::LintFinding;
using graph::LintRule;

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const std::vector<LintFinding> kTwo = {
    {.rule = LintRule::NoVersion, .path = "", .node_id = "", .message = "m", .mend = "n"},
    {.rule = LintRule::WrongId, .path = "/nodes/0", .node_id = "x", .message = "o", .mend = "p"}};

TEST(LintText, IsAJsonLineAFinding) {
  EXPECT_EQ(lint_json(kTwo),
            R"({"rule":"L15","severity":"warning","path":"","node_id":null,"message":"m",)"
            R"("mend":"n"})"
            "\n"
            R"({"rule":"L06","severity":"error","path":"/nodes/0","node_id":"x","message":"o",)"
            R"("mend":"p"})"
            "\n");
  EXPECT_EQ(lint_json({}), "");
}

TEST(LintText, EndsWithTheCountsForPeople) {
  EXPECT_EQ(lint_text(kTwo, {.title = "a.json"}),
            "warning L15 the graph: m\n    n\n"
            "error L06 /nodes/0: o\n    p\n"
            "a.json: 1 error, 1 warning\n");
  EXPECT_EQ(lint_text({}, {.title = "a.json"}), "a.json: 0 errors, 0 warnings\n");
}

TEST(LintText, WarningsFailOnlyWhereTheyCount) {
  EXPECT_TRUE(lint_fails(kTwo, false));
  EXPECT_FALSE(lint_fails({kTwo.front()}, false));
  EXPECT_TRUE(lint_fails({kTwo.front()}, true));
  EXPECT_FALSE(lint_fails({}, true));
}

TEST(LintText, OfTheSampleStrategiesIsTheCommittedOne) {
  const std::filesystem::path root = WEIR_SOURCE_DIR;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root / "examples/strategies")) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::string found;
  for (const std::filesystem::path& file : files) {
    const auto findings = graph::lint_dag(file_text(file), {});
    ASSERT_TRUE(findings.ok()) << file << findings.error().describe();
    found += file.filename().string() + "\n" + lint_json(*findings);
  }
  const std::filesystem::path golden = root / "tests/data/golden/lint.txt";
  const std::filesystem::path made = std::filesystem::path(WEIR_BINARY_DIR) / "lint.txt";
  std::ofstream(made, std::ios::binary) << found;
  EXPECT_EQ(found, file_text(golden)) << "made now: " << made;
}

}  // namespace
}  // namespace weir::cli
