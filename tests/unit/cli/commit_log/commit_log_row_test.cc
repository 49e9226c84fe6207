// SPDX-License-Identifier: Apache-2.0
#include "cli/commit_log/commit_log_row.h"

#include <gtest/gtest.h>

#include "tests/must.h"

namespace weir::cli {
namespace {

kafka::Message message(std::string key, std::optional<std::string> value) {
  return {.topic = "t",
          .partition = 2,
          .offset = 7,
          .key = std::move(key),
          .value = std::move(value),
          .timestamp_ms = -1};
}

TEST(CommitLogRow, IsTakenApartAndPrintedAsItIsWritten) {
  const auto given = message("blake3:ab:60:0#ck=blake3:cd:win",
                             R"(["blake3:ab", 1700000000, "win", {"b": 1.10, "a": [1e400]}])");
  const CommitLogRow row = test::must(read_commit_log_row(given));
  EXPECT_EQ(row, (CommitLogRow{.node_id = "blake3:ab",
                               .compute_key = "blake3:cd",
                               .bucket_ts = "1700000000",
                               .input_window_hash = "win",
                               .payload = R"({"b":1.10,"a":[1e400]})"}));
  EXPECT_EQ(
      row_line(row, given),
      R"({"node_id":"blake3:ab","compute_key":"blake3:cd","bucket_ts":1700000000,)"
      R"("input_window_hash":"win","payload":{"b":1.10,"a":[1e400]},"partition":2,"offset":7})"
      "\n");
}

TEST(CommitLogRow, MayHaveNoComputeKey) {
  const auto given = message("n:0:0:w", R"(["n",5,"w",null])");
  const CommitLogRow row = test::must(read_commit_log_row(given));
  EXPECT_EQ(row.compute_key, "");
  EXPECT_NE(row_line(row, given).find(R"("compute_key":null,"bucket_ts":5)"), std::string::npos);
}

TEST(CommitLogRow, SaysWhereAMessageIsAndWhyItIsNone) {
  const auto why = [](const kafka::Message& given) {
    const auto row = read_commit_log_row(given);
    EXPECT_FALSE(row.ok());
    EXPECT_EQ(row.error().reason(), "bad_message");
    EXPECT_TRUE(row.error().message().starts_with("partition 2, offset 7: "));
    return row.error().message();
  };
  EXPECT_NE(why(message("n:0:0:w", std::nullopt)).find("no value"), std::string::npos);
  EXPECT_NE(why(message("n:0:0:w", "[")).find("no JSON"), std::string::npos);
  EXPECT_NE(why(message("n:0:0:w", R"(["n",5,"w"])")).find("no array"), std::string::npos);
  EXPECT_NE(why(message("n:0:0:w", R"([1,5,"w",0])")).find("no texts"), std::string::npos);
  EXPECT_NE(why(message("m:0:0:w", R"(["n",5,"w",0])")).find("another row"), std::string::npos);
  EXPECT_NE(why(message("n:0:0:v", R"(["n",5,"w",0])")).find("another row"), std::string::npos);
  EXPECT_NE(why(message("n:w", R"(["n",5,"n:w",0])")).find("another row"), std::string::npos);
}

TEST(CommitLogRow, IsTheSameByNodeComputeKeyTimeAndWindowAlone) {
  const CommitLogRow row{.node_id = "n",
                         .compute_key = "c",
                         .bucket_ts = "5",
                         .input_window_hash = "w",
                         .payload = "1"};
  CommitLogRow other = row;
  other.payload = "2";
  EXPECT_EQ(identity_of(other), identity_of(row));
  for (auto part : {&CommitLogRow::node_id, &CommitLogRow::compute_key, &CommitLogRow::bucket_ts,
                    &CommitLogRow::input_window_hash}) {
    other = row;
    other.*part += "x";
    EXPECT_NE(identity_of(other), identity_of(row));
  }
  // Not the same letters otherwise cut.
  other = {.node_id = "nc", .bucket_ts = "5", .input_window_hash = "w", .payload = "1"};
  EXPECT_NE(identity_of(other), identity_of(row));
}

}  // namespace
}  // namespace weir::cli
