// SPDX-License-Identifier: Apache-2.0
#include "worker/operator_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsSupersetOf;

/// A folder with a registry file and a program beside it.
class OperatorTableTest : public testing::Test {
 protected:
  void SetUp() override { write_text(folder_ / "gaps.py", ""); }

  std::string path(const std::string& name) const { return folder_ / name; }

  /// The table over a registry of one operator `gaps@1` with that command, a JSON array.
  Result<OperatorTable> table_of(const std::string& command) const {
    write_text(folder_ / "operators.json",
               R"({"operators":[{"name":"gaps","command":)" + command + "}]}");
    WorkerConfig config;
    config.operator_program = "/opt/weir";
    config.operators_file = path("operators.json");
    return OperatorTable::load(config);
  }

  std::vector<std::string> command_of(const std::string& command) const {
    const auto table = table_of(command);
    if (!table.ok()) return {table.error().reason()};
    const auto parts = table->command("gaps", "1");
    return parts.ok() ? *parts : std::vector<std::string>{parts.error().reason()};
  }

  TemporaryFolder folder_;
};

TEST_F(OperatorTableTest, TakesAPartWithDotAndSlashFromTheFolderOfTheRegistryFile) {
  EXPECT_THAT(command_of(R"(["python3","./gaps.py","./not/there"])"),
              ElementsAre("python3", path("gaps.py"), path("not/there")));
}

TEST_F(OperatorTableTest, TakesAFileBesideTheRegistryFileByItsName) {
  EXPECT_THAT(command_of(R"(["python3","gaps.py"])"), ElementsAre("python3", path("gaps.py")));
}

TEST_F(OperatorTableTest, LeavesEveryOtherPartAsItIs) {
  EXPECT_THAT(command_of(R"(["/usr/bin/python3","-u","other.py","","--x=./gaps.py"])"),
              ElementsAre("/usr/bin/python3", "-u", "other.py", "", "--x=./gaps.py"));
}

TEST_F(OperatorTableTest, TakesTheRegistryFileItselfFromTheWorkersFolder) {
  write_text(folder_ / "operators.json",
             R"({"operators":[{"name":"gaps","command":["./gaps.py"]}]})");
  WorkerConfig config;
  config.operators_file = fs::relative(path("operators.json")).string();
  const auto table = OperatorTable::load(config);
  ASSERT_TRUE(table.ok()) << table.error().message();
  const auto parts = table->command("gaps", "1");
  ASSERT_TRUE(parts.ok()) << parts.error().message();
  EXPECT_THAT(*parts, ElementsAre(path("gaps.py")));
}

TEST_F(OperatorTableTest, AnnouncesBuiltInOperatorsAndThoseOfTheFile) {
  const auto table = table_of(R"(["./gaps.py"])");
  ASSERT_TRUE(table.ok()) << table.error().message();
  EXPECT_THAT(table->announced(), IsSupersetOf({"gaps@1", "parquet_compact@1", "table_ingest@1"}));
  const auto parts = table->command("table_ingest", "1");
  ASSERT_TRUE(parts.ok()) << parts.error().message();
  EXPECT_THAT(*parts, ElementsAre("/opt/weir", "operator", "table_ingest"));
}

TEST_F(OperatorTableTest, RefusesACommandWithoutAProgram) {
  for (const std::string command : {"[]", R"([""])"}) {
    const auto table = table_of(command);
    ASSERT_FALSE(table.ok()) << command;
    EXPECT_EQ(table.error().reason(), "operators_invalid");
    ASSERT_EQ(table.error().faults().size(), 1U);
  }
}

TEST_F(OperatorTableTest, KnowsNoOtherVersionOfAnOperator) {
  const auto table = table_of(R"(["./gaps.py"])");
  ASSERT_TRUE(table.ok()) << table.error().message();
  const auto parts = table->command("gaps", "2");
  ASSERT_FALSE(parts.ok());
  EXPECT_EQ(parts.error().reason(), "unsupported_operator");
}

}  // namespace
}  // namespace weir::worker
