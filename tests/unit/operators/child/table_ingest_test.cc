// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "operators/failure.h"
#include "tests/unit/operators/child/bench.h"

namespace weir::operators {
namespace {

using test::reason_of;

class TableIngest : public test::OperatorBench {
 protected:
  static TaskPayload ingest(std::string config) {
    auto payload = test::payload_of("table_ingest", std::move(config));
    payload.outputs[0].kind = DatasetKind::Parquet;
    return test::at_cursor(payload, Cursor(std::int64_t{1'000'000}));
  }
  static TaskPayload direct(std::string config, std::string update = "append") {
    auto payload = ingest(std::move(config));
    payload.outputs[0].kind = DatasetKind::Table;
    payload.update_strategy = std::move(update);
    return payload;
  }
  static std::string csv(const std::string& path, const std::string& more = "") {
    return R"({"path":")" + path +
           R"(","format":"csv","columns":{"id":"bigint","note":{"type":"text","nullable":true}})" +
           more + "}";
  }
  std::string outcome(const TaskPayload& payload) {
    const auto result = run_table_ingest(context(payload));
    EXPECT_TRUE(work_is_empty());
    return reason_of(result);
  }
  std::string fault(const TaskPayload& payload) {
    const auto result = run_table_ingest(context(payload));
    return result.ok() ? "ok" : result.error().reason() + " " + result.error().message();
  }
};

constexpr std::string_view kBars =
    R"("format":"csv","columns":{"time":"timestamptz","open":"numeric","high":"numeric",)"
    R"("low":"numeric","close":"numeric","volume":"numeric"})";

nlohmann::json expected() {
  std::ifstream file(WEIR_SOURCE_DIR "/examples/market/expected.json");
  return nlohmann::json::parse(file);
}

TEST_F(TableIngest, WritesTheRowsAndSumsOfEveryMinuteFile) {  // B29
  for (const auto& [path, facts] : expected().items()) {
    if (!path.starts_with("minute/")) continue;
    api_.events.clear();
    auto payload = ingest(R"({"root":"market","path":")" + path + "\"," + std::string(kBars) + "}");
    payload.task_id = test::named<TaskId>(path);
    const auto result = run_table_ingest(context(payload));
    ASSERT_TRUE(result.ok()) << result.error().describe();
    const auto told = nlohmann::json::parse(*result);
    EXPECT_EQ(told["rows"], facts["rows"]);
    EXPECT_EQ(told["files"][0]["sha256"], facts["sha256"]);
    EXPECT_EQ(told["files_total"], 1);
    const auto commit = committed(payload);
    EXPECT_EQ(commit.row_count, facts["rows"].get<std::int64_t>());
    EXPECT_EQ(query(commit, "sum(volume)::DECIMAL(38,8)::VARCHAR"),
              duckdb::Value(facts["volume"].get<std::string>()));
    EXPECT_EQ(query(commit, "max_by(close, time)::DOUBLE"),
              duckdb::Value(std::stod(facts["close_last"].get<std::string>())));
  }
  EXPECT_TRUE(work_is_empty());
}

TEST_F(TableIngest, WritesADayOfTicksAsFilesOfAHundredThousandRows) {
  const auto payload = ingest(
      R"({"root":"market","path":"ticks/SPY/*.csv","format":"csv","columns":{"ts_ms":"bigint",)"
      R"("price":"numeric","size":"bigint","exchange":"text"}})");
  const auto result = run_table_ingest(context(payload));
  ASSERT_TRUE(result.ok()) << result.error().describe();
  const auto facts = expected()["ticks/SPY/2013-10-07.csv"];
  const auto commit = committed(payload);
  EXPECT_EQ(commit.row_count, 250'601);
  EXPECT_EQ(commit.objects.size(), 3U);
  EXPECT_EQ(commit.objects[0].rows, 100'000);
  EXPECT_EQ(query(commit, "sum(size)::BIGINT"), duckdb::Value(facts["size"].get<std::int64_t>()));
  EXPECT_EQ(query(commit, "sum(price::DECIMAL(12,4) * size)::DECIMAL(38,4)::VARCHAR"),
            duckdb::Value(facts["notional"].get<std::string>()));
  EXPECT_EQ(api_.events.at(0).partition_key, "all");
}

TEST_F(TableIngest, SendsTheSameRowsToATable) {
  const std::string path = "minute/BTC-USD/2017-09-03.csv";
  auto payload = direct(R"({"root":"market","path":")" + path + R"(","cursor_column":"time",)" +
                        std::string(kBars) + "}");
  payload.unique_key = {"time"};
  ASSERT_EQ(outcome(payload), "ok");
  ASSERT_EQ(api_.sent.size(), 1U);
  EXPECT_EQ(api_.sent[0].target.cursor, Cursor(std::int64_t{1'000'000}));
  std::istringstream lines(api_.sent[0].text);
  std::string line;
  int rows = 0;
  while (std::getline(lines, line)) rows += nlohmann::json::parse(line).size() == 6 ? 1 : 0;
  EXPECT_EQ(rows, 1440);
  EXPECT_TRUE(api_.sent[0].text.starts_with(R"({"time":"2017-09-03T00:00:00.000000Z","open":)"));
  // The greatest time of the day, 23:59, in milliseconds.
  EXPECT_EQ(api_.events.at(0).cursor, Cursor(std::int64_t{1'504'483'140'000}));
}

TEST_F(TableIngest, ReadsJsonLinesAndParquetToTheSameRows) {
  write("a.jsonl", "{\"id\":1,\"note\":null}\n{\"note\":\"x\\u00e9\",\"id\":-2}\n");
  auto lines = ingest(csv("a.jsonl"));
  lines.config.replace(lines.config.find("csv"), 3, "jsonl");
  ASSERT_EQ(outcome(lines), "ok");
  const auto first = committed(lines);
  EXPECT_EQ(query(first, "string_agg(id || coalesce(note, '-'), ',')"),
            duckdb::Value(std::string("1-,-2xé")));
  const std::string stored = first.location.substr(std::string("file://").size());
  std::filesystem::copy_file(stored + first.objects.at(0).key, folder_ / "in/b.parquet");
  api_.events.clear();
  auto parquet = ingest(csv("b.parquet"));
  parquet.config.replace(parquet.config.find("csv"), 3, "parquet");
  parquet.task_id = test::named<TaskId>("second");
  ASSERT_EQ(outcome(parquet), "ok");
  const auto second = committed(parquet);
  EXPECT_EQ(second.row_count, 2);
  EXPECT_EQ(query(second, "string_agg(id || coalesce(note, '-'), ',')"),
            duckdb::Value(std::string("1-,-2xé")));
  parquet.config.replace(parquet.config.find("bigint"), 6, "boolean");
  EXPECT_EQ(fault(parquet), "source_invalid b.parquet:1: column id of type BIGINT is no boolean");
}

TEST_F(TableIngest, RefusesEveryPathTrick) {  // B29
  write("ok/a.csv", "id,note\n1,\n");
  write("secret/s.csv", "id,note\n1,\n");
  std::filesystem::create_directory_symlink(folder_ / "in/secret", folder_ / "in/link");
  std::filesystem::create_symlink(folder_ / "in/secret/s.csv", folder_ / "in/ok/l.csv");
  ASSERT_EQ(mkfifo((folder_ / "in/ok/pipe.csv").c_str(), 0600), 0);
  std::filesystem::create_directories(folder_ / "in/ok/folder.csv");
  for (const char* path :
       {"../in/ok/a.csv", "/etc/passwd", "ok//a.csv", "./ok/a.csv", "ok/../ok/a.csv", "ok/..",
        "ok\\\\a.csv", "ok/\\u0000a.csv", "ok/a.csv\\n", "link/s.csv", "ok/l.csv", "ok/pipe.csv",
        "ok/folder.csv", "ok/*.csv", "*/a.csv", "ok/a.csv/x", "{partition_key}/a.csv", "{nothing}",
        "{cursor"}) {
    EXPECT_EQ(outcome(ingest(csv(path))), "path_invalid") << path;
  }
  // What is encoded is a name, not a way up.
  EXPECT_EQ(outcome(ingest(csv("%2e%2e/in/ok/a.csv"))), "source_missing");
  EXPECT_EQ(outcome(ingest(csv("ok/a.csv"))), "ok");
  auto named = ingest(csv("ok/{cursor}.csv"));
  for (const char* value : {"..", ".", "../../etc/passwd", "a/b", "a b", "", "*"}) {
    named.trigger->cursor = Cursor(std::string(value));
    EXPECT_EQ(outcome(named), "path_invalid") << value;
  }
}

TEST_F(TableIngest, RefusesADevice) {
  surroundings_.ingest_roots["default"] = "/dev";
  EXPECT_EQ(outcome(ingest(csv("null"))), "path_invalid");
}

TEST_F(TableIngest, FillsPlaceholdersFromTheTrigger) {
  write("1970-01-12/1000000.csv", "id,note\n1,\n");
  EXPECT_EQ(outcome(ingest(csv("{date}/{cursor}.csv"))), "ok");
  write("5-9_5_9.csv", "id,note\n1,\n2,\n");
  api_.events.clear();
  auto ranged =
      test::at_range(ingest(csv("{partition_key}_{start}_{end}.csv")), {.start = 5, .end = 9});
  ASSERT_EQ(outcome(ranged), "ok");
  EXPECT_EQ(api_.events.at(0).partition_key, "5-9");
  EXPECT_EQ(committed(ranged).objects.at(0).key, "part_5_9_0.parquet");
}

TEST_F(TableIngest, NamesTheFileAndLineOfTheFirstFault) {
  const auto of = [&](std::string_view text) {
    write("a.csv", text);
    return fault(ingest(csv("a.csv")));
  };
  EXPECT_EQ(of("id,note\n1,a\nx,b\n"), "source_invalid a.csv:3: column id is no bigint");
  EXPECT_EQ(of("id,note\n1,\"a\nb\"\n,c\n"), "source_invalid a.csv:4: column id must not be null");
  EXPECT_EQ(of("id,other\n"), "source_invalid a.csv:1: unknown column other");
  EXPECT_EQ(of("id\n1\n"), "source_invalid a.csv:1: column note is missing");
  EXPECT_EQ(of("id,note,id\n"), "source_invalid a.csv:1: column id is there twice");
  EXPECT_EQ(of("id,note\n1\n"), "source_invalid a.csv:2: 1 fields, not 2");
  EXPECT_EQ(of("id,note\n1,\"a\n"), "source_invalid a.csv:3: a quoted field has no end");
  EXPECT_EQ(of("id,note\n1,a\"b\n"),
            "source_invalid a.csv:2: a quote in a field that is not quoted");
  EXPECT_EQ(of("id,note\n1,\xff\n"), "source_invalid a.csv:2: not UTF-8");
  EXPECT_EQ(of("id,note\n9223372036854775808,\n"),
            "source_invalid a.csv:2: column id is no bigint");
  EXPECT_EQ(of(""), "source_invalid a.csv:1: there is no line of column names");
  EXPECT_TRUE(api_.events.empty());
}

TEST_F(TableIngest, ReadsWhatRfc4180Allows) {
  write("a.csv", "\xEF\xBB\xBFnote;id\r\n\"a;\"\"b\"\"\r\nc\";1\r\n\"\";2\r\nNULL;3");
  auto payload = ingest(csv("a.csv", R"(,"delimiter":";","null_text":"NULL")"));
  ASSERT_EQ(outcome(payload), "ok");
  EXPECT_EQ(query(committed(payload), "string_agg(coalesce(note, '?') || id, '|' ORDER BY id)"),
            duckdb::Value(std::string("a;\"b\"\r\nc1|2|?3")));
}

TEST_F(TableIngest, ReadsAFileWithoutAHeaderInTheOrderOfItsColumns) {
  write("a.csv", "one,1\ntwo,2\n");
  auto payload = ingest(csv("a.csv", R"(,"header":false,"columns_order":["note","id"])"));
  ASSERT_EQ(outcome(payload), "ok");
  EXPECT_EQ(query(committed(payload), "string_agg(note || id, ',' ORDER BY id)"),
            duckdb::Value(std::string("one1,two2")));
  payload = ingest(csv("a.csv", R"(,"header":false)"));
  EXPECT_EQ(fault(payload).substr(0, 24), "source_invalid a.csv:1: ") << "id and note by name";
  EXPECT_EQ(outcome(ingest(csv("a.csv", R"(,"columns_order":7)"))), "config_invalid");
}

TEST_F(TableIngest, WritesColumnsInTheOrderOfTheVersion) {
  write("a.csv", "id,note\n1,x\n");
  auto payload = ingest(csv("a.csv"));
  payload.outputs[0].columns = {{"note", "text", true}, {"id", "bigint", false}};
  ASSERT_EQ(outcome(payload), "ok");
  const auto commit = committed(payload);
  EXPECT_EQ(query(commit, "(SELECT string_agg(name, ',') FROM parquet_schema('" +
                              commit.location.substr(std::string("file://").size()) +
                              commit.objects.at(0).key + "') WHERE num_children IS NULL)"),
            duckdb::Value(std::string("note,id")));
}

TEST_F(TableIngest, KeepsEveryTypeAsItIs) {
  const std::string columns =
      R"({"t":"text","i":"bigint","d":"double","b":"boolean","n":"numeric","z":"timestamptz",)"
      R"("y":"date","u":"uuid","j":"jsonb","x":"bytea"})";
  write("a.csv",
        "t,i,d,b,n,z,y,u,j,x\n"
        "é,-5,1e-3,t,-12345678901234567890.000000000000000001,2020-02-29 23:59:59.5+01:30,"
        "1969-12-31,0190F2B2-0000-7000-8000-00000000000f,\"{\"\"a\"\":[1.0]}\",\\x00Ff\n");
  auto payload = ingest(R"({"path":"a.csv","format":"csv","columns":)" + columns + "}");
  ASSERT_EQ(outcome(payload), "ok");
  EXPECT_EQ(
      query(committed(payload), "concat_ws('|', t, i, d, b, n, epoch_us(z), y, u, j, hex(x))"),
      duckdb::Value(
          std::string("é|-5|0.001|true|-12345678901234567890.000000000000000001|1583015399500000|"
                      "1969-12-31|0190f2b2-0000-7000-8000-00000000000f|{\"a\":[1.0]}|00FF")));
  api_.events.clear();
  auto table = direct(R"({"path":"a.csv","format":"csv","columns":)" + columns + "}", "replace");
  ASSERT_EQ(outcome(table), "ok");
  EXPECT_EQ(api_.sent.at(0).text,
            "{\"t\":\"é\",\"i\":-5,\"d\":0.001,\"b\":true,"
            "\"n\":-12345678901234567890.000000000000000001,"
            "\"z\":\"2020-02-29T22:29:59.500000Z\",\"y\":\"1969-12-31\","
            "\"u\":\"0190f2b2-0000-7000-8000-00000000000f\",\"j\":{\"a\":[1.0]},"
            "\"x\":\"\\\\x00ff\"}\n");
  EXPECT_EQ(api_.events.at(0).partition_key, "all");
}

TEST_F(TableIngest, RefusesANumberThatNoFileHolds) {
  write("a.csv", "n\n1\n0.1234567890123456789\n");
  EXPECT_EQ(fault(ingest(R"({"path":"a.csv","format":"csv","columns":{"n":"numeric"}})")),
            "source_invalid a.csv:3: column n has more than 20 digits before the point or 18 "
            "behind it");
}

TEST_F(TableIngest, DecidesWhatAMissingFileMeans) {
  EXPECT_EQ(outcome(ingest(csv("no/*.csv"))), "source_missing");
  const auto empty = ingest(csv("no/*.csv", R"(,"missing":"empty")"));
  ASSERT_EQ(outcome(empty), "ok");
  EXPECT_EQ(committed(empty).row_count, 0);
  auto cursors = direct(csv("no.csv", R"(,"missing":"empty","cursor_column":"id")"));
  api_.events.clear();
  ASSERT_EQ(outcome(cursors), "ok");
  EXPECT_TRUE(api_.events.empty());
  EXPECT_TRUE(api_.sent.empty());
}

TEST_F(TableIngest, ReadsMatchesInByteOrder) {
  write("d/b.csv", "id,note\n2,\n");
  write("d/B.csv", "id,note\n1,\n");
  write("d/.hidden.csv", "broken");
  write("d/c.txt", "broken");
  const auto payload = direct(csv("d/*.csv"));
  const auto result = run_table_ingest(context(payload));
  ASSERT_TRUE(result.ok()) << result.error().describe();
  const auto told = nlohmann::json::parse(*result);
  EXPECT_EQ(told["files"][0]["path"], "d/B.csv");
  EXPECT_EQ(told["files"][1]["path"], "d/b.csv");
  EXPECT_EQ(api_.sent.at(0).text, "{\"id\":1,\"note\":null}\n{\"id\":2,\"note\":null}\n");
}

TEST_F(TableIngest, TakesNoMoreFilesThanItsBound) {
  for (int i = 0; i < 1025; ++i) write("many/" + std::to_string(i) + ".csv", "");
  EXPECT_EQ(outcome(ingest(csv("many/*.csv"))), "source_too_large");
}

TEST_F(TableIngest, NoticesAFileThatChangedWhileItWasRead) {
  write("a.csv", "id,note\n1,\n");
  write("b.csv", "id,note\n1,\n");
  const auto payload = ingest(csv("*.csv"));
  api_.before = [&](std::string_view call) {  // after the first file
    if (call == "heartbeat") write("b.csv", "id,note\n1,\n2,\n");
    return Result<void>();
  };
  const auto result = run_table_ingest(context(payload));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().reason(), "source_changed");
  EXPECT_TRUE(is_retryable(result.error()));
  EXPECT_TRUE(api_.events.empty());
}

TEST_F(TableIngest, WritesTheSameRowsAgainInALaterAttempt) {
  write("a.csv", "id,note\n1,\n2,x\n");
  auto payload = ingest(csv("a.csv"));
  api_.before = [](std::string_view call) -> Result<void> {
    if (call == "emit") return base::unavailable("http_reply_lost", "gone");
    return {};
  };
  EXPECT_EQ(outcome(payload), "http_reply_lost");
  api_.before = [](std::string_view) { return Result<void>(); };
  payload.attempt = 2;
  ASSERT_EQ(outcome(payload), "ok");
  EXPECT_EQ(committed(payload).row_count, 2);
}

TEST_F(TableIngest, StopsWhenTheRunIsCanceled) {
  write("a.csv", "id,note\n1,\n");
  api_.heard.canceled = true;
  EXPECT_EQ(outcome(ingest(csv("a.csv"))), "canceled");
  EXPECT_TRUE(api_.events.empty());
}

TEST_F(TableIngest, RefusesAPayloadThatItCannotServe) {
  auto payload = ingest(csv("a.csv"));
  payload.outputs[0].kind = DatasetKind::Events;
  EXPECT_EQ(outcome(payload), "output_unsuitable");
  EXPECT_EQ(outcome(ingest(csv("a.csv", R"(,"root":"other")"))), "root_missing");
  EXPECT_EQ(outcome(ingest(csv("a.csv", R"(,"cursor_column":"note")"))), "config_invalid");
  payload = ingest(csv("a.csv"));
  write("a.csv", "id,note\n");
  payload.outputs[0].staging_prefix = "file:///elsewhere/";
  EXPECT_EQ(outcome(payload), "staging_mismatch");
}

}  // namespace
}  // namespace weir::operators
