// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/direct_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "dispatcher/ports/database/postgres_schema.h"
#include "tests/integration/postgres_fixture.h"

namespace weir::worker {
namespace {

/// A body of memory, which may do something in its middle.
RowsBody body_of(std::string text) {
  return [text = std::move(text), at = std::size_t{0}](std::span<char> into) mutable {
    const std::size_t size = std::min({into.size(), text.size() - at, std::size_t{7}});
    std::memcpy(into.data(), text.data() + at, size);
    at += size;
    return Result<std::size_t>(size);
  };
}

graph::TaskId task(std::uint8_t number) { return graph::TaskId(base::Uuid{{number}}); }

class DirectRowsTest : public ::testing::Test {
 protected:
  DirectRowsTest() {
    const auto login = database_->connect();
    EXPECT_TRUE(dispatcher::prepare_data_schema(*login).ok());
    make_table(keyed_, "ARRAY['k']");
    make_table(keyless_, "'{}'");
    pool_.emplace(
        postgres::PoolOptions{.connect = data_connect_options(database_->dsn(), "weir_sink"),
                              .connections_max = 4},
        test::real_clock());
    rows_.emplace(*pool_);
  }

  void make_table(const graph::DatasetVersionId& version, const std::string& key) const {
    const auto made = database_->connect()->execute(
        "SELECT data.make_dataset_table($1::uuid, '[{\"name\":\"k\",\"type\":\"bigint\"},"
        "{\"name\":\"order\",\"type\":\"text\",\"nullable\":true},"
        "{\"name\":\"at\",\"type\":\"timestamptz\",\"nullable\":true}]', " +
            key + ", '[]')",
        postgres::Params().text(version.text()));
    ASSERT_TRUE(made.ok()) << made.error().describe();
  }

  RowsTarget replacing(std::uint8_t number, std::int64_t fence) const {
    return {task(number), fence, keyless_, "p1", true};
  }
  RowsTarget appending(std::uint8_t number, std::int64_t fence, std::string scope) const {
    return {task(number), fence, keyed_, std::move(scope), false};
  }

  std::string write(const RowsTarget& target, const std::string& lines) {
    const auto written = rows_->write(target, body_of(lines));
    if (!written.ok()) return written.error().reason();
    return std::to_string(written->rows) + (written->applied ? " applied" : " there");
  }

  std::string read(const RowsRange& range) {
    std::string lines;
    const auto done = rows_->read(range, [&](std::string_view block) {
      lines += block;
      return Result<void>();
    });
    return done.ok() ? lines : done.error().reason();
  }

  const std::unique_ptr<test::FreshDatabase> database_ = test::fresh_database();
  const graph::DatasetVersionId keyed_{base::Uuid{{0xaa}}};
  const graph::DatasetVersionId keyless_{base::Uuid{{0xbb}}};
  std::optional<postgres::Pool> pool_;
  std::optional<DirectRows> rows_;
};

TEST_F(DirectRowsTest, WritesAScopeOnceAndGivesItBack) {
  const std::string lines =
      "{\"k\":2,\"order\":\"b\",\"at\":\"2026-01-02T03:04:05Z\"}\n\n{\"k\":1}\r\n";
  EXPECT_EQ(write(replacing(1, 10), lines), "2 applied");
  EXPECT_EQ(read({.version = keyless_, .cursor_column = "k"}),
            "{\"k\":1,\"order\":null,\"at\":null}\n"
            "{\"k\":2,\"order\":\"b\",\"at\":\"2026-01-02T03:04:05+00:00\"}\n");
  EXPECT_EQ(write(replacing(1, 11), lines + lines), "2 there");
}

TEST_F(DirectRowsTest, ReplacesAScopeByALaterClaimAlone) {
  EXPECT_EQ(write(replacing(1, 10), "{\"k\":1}\n{\"k\":1}\n"), "2 applied");
  EXPECT_EQ(write({task(2), 11, keyless_, "p2", true}, "{\"k\":5}"), "1 applied");
  EXPECT_EQ(write(replacing(2, 20), "{\"k\":3}"), "1 applied");
  EXPECT_EQ(read({.version = keyless_, .cursor_column = "k"}),
            "{\"k\":3,\"order\":null,\"at\":null}\n{\"k\":5,\"order\":null,\"at\":null}\n");
}

TEST_F(DirectRowsTest, APausedOldAttemptWritesNothing) {
  EXPECT_EQ(write(replacing(2, 20), "{\"k\":3}"), "1 applied");
  EXPECT_EQ(write(replacing(1, 10), "{\"k\":1}\n{\"k\":2}\n"), "0 there");
  EXPECT_EQ(read({.version = keyless_}), "{\"k\":3,\"order\":null,\"at\":null}\n");
}

TEST_F(DirectRowsTest, AnAttemptPausedInTheMiddleKeepsANewerOneWaitingAndLosesToIt) {
  std::thread newer;
  std::string newer_answer;
  bool started = false;
  const auto paused = rows_->write(replacing(1, 10), [&](std::span<char> into) {
    if (started) return Result<std::size_t>(0);
    started = true;
    newer = std::thread([&] { newer_answer = write(replacing(2, 20), "{\"k\":2}"); });
    const std::string line = "{\"k\":1}\n";
    std::memcpy(into.data(), line.data(), line.size());
    return Result<std::size_t>(line.size());
  });
  newer.join();
  ASSERT_TRUE(paused.ok());
  EXPECT_EQ(newer_answer, "1 applied");
  EXPECT_EQ(read({.version = keyless_}), "{\"k\":2,\"order\":null,\"at\":null}\n");
}

TEST_F(DirectRowsTest, UpsertsByTheKeyWhereTheStoredNumberIsNotGreater) {
  EXPECT_EQ(
      write(appending(1, 10, "1"), "{\"k\":1,\"order\":\"old\"}\n{\"k\":2,\"order\":\"old\"}"),
      "2 applied");
  EXPECT_EQ(write(appending(2, 30, "2"), "{\"k\":1,\"order\":\"new\"}"), "1 applied");
  EXPECT_EQ(
      write(appending(3, 20, "3"), "{\"k\":1,\"order\":\"late\"}\n{\"k\":2,\"order\":\"mid\"}"),
      "1 applied");
  EXPECT_EQ(read({.version = keyed_}),
            "{\"k\":1,\"order\":\"new\",\"at\":null}\n"
            "{\"k\":2,\"order\":\"mid\",\"at\":null}\n");
}

TEST_F(DirectRowsTest, TakesAnEqualRowTwiceButNoKeyWithTwoContents) {
  EXPECT_EQ(write(appending(1, 10, "1"), "{\"k\":1}\n{\"k\":1}\n"), "1 applied");
  EXPECT_EQ(write(appending(2, 20, "2"), "{\"k\":1,\"order\":\"a\"}\n{\"k\":1,\"order\":\"b\"}"),
            "unique_key_conflict");
  EXPECT_EQ(read({.version = keyed_}), "{\"k\":1,\"order\":null,\"at\":null}\n");
}

TEST_F(DirectRowsTest, SeesAKeyWithTwoContentsAcrossStatements) {
  std::string lines = "{\"k\":1,\"order\":\"first\"}\n";
  for (int k = 2; k < 5000; ++k) lines += "{\"k\":" + std::to_string(k) + "}\n";
  EXPECT_EQ(write(appending(1, 10, "1"), lines + "{\"k\":1,\"order\":\"second\"}\n"),
            "unique_key_conflict");
  EXPECT_EQ(read({.version = keyed_}), "");
  EXPECT_EQ(write(appending(1, 10, "1"), lines + "{\"k\":1,\"order\":\"first\"}\n"),
            "5000 applied");
}

TEST_F(DirectRowsTest, ARefusedLineLeavesNothing) {
  const auto refused = rows_->write(replacing(1, 10), body_of("{\"k\":1}\n{\"k\":\"x\"}\n"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason(), "rows_invalid");
  EXPECT_EQ(refused.error().faults().front().path, "line:2");
  EXPECT_EQ(read({.version = keyless_}), "");
  EXPECT_EQ(write(replacing(1, 10), "{\"k\":1}\n"), "1 applied");
}

TEST_F(DirectRowsTest, ABodyThatBreaksOffLeavesNothing) {
  int reads = 0;
  const auto broken = rows_->write(replacing(1, 10), [&](std::span<char> into) {
    if (++reads > 1) return Result<std::size_t>(base::unavailable("peer_gone", ""));
    const std::string line = "{\"k\":1}\n";
    std::memcpy(into.data(), line.data(), line.size());
    return Result<std::size_t>(line.size());
  });
  EXPECT_FALSE(broken.ok());
  EXPECT_EQ(read({.version = keyless_}), "");
}

TEST_F(DirectRowsTest, ReadsARangeUnderTheFilterOfItsGrant) {
  EXPECT_EQ(write(appending(1, 10, "1"),
                  "{\"k\":1,\"order\":\"a\",\"at\":\"2026-01-01T00:00:01Z\"}\n"
                  "{\"k\":2,\"order\":\"b\",\"at\":\"2026-01-01T00:00:02Z\"}\n"
                  "{\"k\":3,\"order\":\"a\",\"at\":\"2026-01-01T00:00:03Z\"}\n"),
            "3 applied");
  const auto keys = [&](const RowsRange& range) {
    std::istringstream lines(read(range));
    std::string found;
    for (std::string line; std::getline(lines, line);) found += line.substr(5, 1);  // {"k":1
    return found;
  };
  EXPECT_EQ(keys({.version = keyed_, .where = R"({"order":["a","z"]})"}), "13");
  EXPECT_EQ(keys({.version = keyed_, .cursor_column = "k", .start = "2", .end = "3"}), "23");
  EXPECT_EQ(keys({.version = keyed_, .cursor_column = "at", .start = "1767225602000"}), "23");
  EXPECT_EQ(keys({.version = keyed_, .cursor_column = "at", .end = "1767225602000"}), "12");
  EXPECT_EQ(read({.version = keyed_, .where = R"({"_weir_scope":"1"})"}), "invalid_request");
  EXPECT_EQ(read({.version = keyed_, .cursor_column = "k; DROP TABLE x"}), "invalid_request");
  EXPECT_EQ(read({.version = keyed_, .cursor_column = "k", .start = "x"}), "invalid_request");
  EXPECT_EQ(read({.version = keyed_, .cursor_column = "at", .end = "never"}), "invalid_request");
}

TEST_F(DirectRowsTest, RemovesExactlyARange) {
  EXPECT_EQ(write(appending(1, 10, "1"), "{\"k\":1}\n{\"k\":2}\n{\"k\":3}\n"), "3 applied");
  const auto removed =
      rows_->remove({.version = keyed_, .cursor_column = "k", .start = "2", .end = "9"});
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(*removed, 2);
  EXPECT_FALSE(rows_->remove({.version = keyed_, .cursor_column = "k", .start = "2"}).ok());
  EXPECT_EQ(read({.version = keyed_}), "{\"k\":1,\"order\":null,\"at\":null}\n");
}

TEST_F(DirectRowsTest, SaysWhatItCannotDo) {
  EXPECT_EQ(write({task(1), 1, keyless_, "p", false}, "{\"k\":1}"), "not_supported");
  EXPECT_EQ(write({task(1), 1, graph::DatasetVersionId(base::Uuid{{0xcc}}), "p", true}, ""),
            "not_supported");
  EXPECT_EQ(write({task(1), 1, keyless_, "", true}, ""), "invalid_request");
}

TEST_F(DirectRowsTest, AnEmptyScopeIsWrittenToo) {
  EXPECT_EQ(write(replacing(1, 10), "{\"k\":1}\n"), "1 applied");
  EXPECT_EQ(write(replacing(2, 20), ""), "0 applied");
  EXPECT_EQ(read({.version = keyless_}), "");
}

}  // namespace
}  // namespace weir::worker
