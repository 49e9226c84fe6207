// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/rows_converter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

/// Its child is a script of the test.
class RowsConverterTest : public ::testing::Test {
 protected:
  RowsConverterTest() { fs::create_directory(folder_.path() / "work"); }

  RowsConverter converter(const std::string& script) const {
    const std::string program = folder_ / "program";
    write_text(program, "#!/bin/sh\n" + script + "\n");
    EXPECT_EQ(chmod(program.c_str(), 0755), 0);
    return RowsConverter(
        {.program = program, .duckdb_library = "lib", .folder = folder_.path() / "work"});
  }
  Result<void> converted(const std::string& script) const {
    const RowsConverter made = converter(script);
    const auto work = made.begin();
    if (!work.ok()) return work.error();
    return made.to_lines(**work, columns_);
  }

  const TemporaryFolder folder_;
  const std::array<Column, 2> columns_ = {
      {{"id", ColumnType::Bigint, false}, {"at", ColumnType::Timestamptz, true}}};
};

TEST_F(RowsConverterTest, TellsItsChildWhatItIsAskedForAndLeavesNothing) {
  const RowsConverter made =
      converter("cp /dev/stdin \"$TMPDIR/rows.jsonl\"; env > ../../env; echo \"$@\" > ../../args");
  {
    const auto work = made.begin();
    ASSERT_TRUE(work.ok());
    const auto done = made.to_lines(**work, columns_);
    ASSERT_TRUE(done.ok()) << done.error().describe();
    EXPECT_EQ(read_text((*work)->lines()),
              R"({"columns":[{"name":"id","nullable":false,"type":"bigint"},)"
              R"({"name":"at","nullable":true,"type":"timestamptz"}],"input":")" +
                  (*work)->parquet() + R"(","output":")" + (*work)->lines() +
                  "\",\"to\":\"jsonl\"}\n");
    EXPECT_NE((*work)->lines(), (*work)->parquet());
  }
  EXPECT_TRUE(fs::is_empty(folder_.path() / "work"));
  EXPECT_EQ(read_text(folder_ / "args"), "operator convert_rows\n");
  const std::string environment = read_text(folder_ / "env");
  EXPECT_NE(environment.find("WEIR_DUCKDB_LIBRARY=lib\n"), std::string::npos);
  EXPECT_EQ(environment.find("HOME="), std::string::npos) << "nothing of the worker's own";
}

TEST_F(RowsConverterTest, NamesTheLineOfAFault) {
  const auto done = converted(
      R"(echo noise; echo '{"error":{"code":"source_invalid","message":"rows:7: column id",)"
      R"("line":7}}'; exit 65)");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason(), "rows_invalid");
  ASSERT_EQ(done.error().faults().size(), 1U);
  EXPECT_EQ(done.error().faults().front().path, "line:7");
  EXPECT_EQ(converted(R"(echo '{"error":{"code":"source_too_large","message":"x"}}'; exit 65)")
                .error()
                .reason(),
            "too_large");
}

TEST_F(RowsConverterTest, SaysThatAnotherTryMayHelpWhenItsChildFails) {
  for (const char* script : {"exit 1", "kill -9 $$", "echo nonsense; exit 75", "echo '{}'; exit 1",
                             R"(echo '{"error":{"code":"engine_memory"}}'; exit 75)"}) {
    const auto done = converted(script);
    ASSERT_FALSE(done.ok()) << script;
    EXPECT_EQ(done.error().reason(), "unavailable") << script;
  }
  const RowsConverter none({.program = "/no/such/program", .folder = folder_.path() / "work"});
  EXPECT_EQ(none.to_lines(**none.begin(), columns_).error().code(), Code::Unavailable);
  const RowsConverter nowhere({.program = "/bin/true", .folder = folder_.path() / "gone"});
  EXPECT_EQ(nowhere.begin().error().reason(), "unavailable");
}

}  // namespace
}  // namespace weir::worker
