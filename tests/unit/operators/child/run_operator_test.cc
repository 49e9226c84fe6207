// SPDX-License-Identifier: Apache-2.0
#include "operators/child/run_operator.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/blake3.h"
#include "base/json.h"
#include "tests/unit/operators/child/bench.h"
#include "tests/unit/operators/child/scripted_server.h"

namespace weir::operators {
namespace {

using test::Answered;
using test::Asked;

class RunOperator : public test::OperatorBench {
 protected:
  ~RunOperator() override {
    for (const char* name : {"TRACE_TASK_API", "WEIR_INGEST_ROOTS", "WEIR_OBJECT_ROOT"}) {
      unsetenv(name);
    }
  }
  int run(std::string_view name, const std::string& payload) {
    std::istringstream in(payload);
    out_.str("");
    return run_operator(name,
                        {.in = in, .out = out_, .err = err_, .clock = clock_, .random = random_});
  }
  void serve(test::ScriptedServer::Script script) {
    server_ = std::make_unique<test::ScriptedServer>((folder_ / "s").string(), std::move(script));
    setenv("TRACE_TASK_API", server_->endpoint().c_str(), 1);
  }

  std::unique_ptr<test::ScriptedServer> server_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(RunOperator, EndsWithItsResultOnTheLastLine) {
  serve([](const Asked& asked) {
    if (asked.target == "/v1/task/operator-state") {
      return Answered{.body = R"({"state":{},"revision":0})"};
    }
    return Answered{.body = R"({"results":[],"state_revision":1})"};
  });
  const auto payload = test::payload_of("sequence_source", R"({"end":2,"interval_ms":0})");
  EXPECT_EQ(run("sequence_source", write_task_payload(payload)), 0);
  EXPECT_EQ(out_.str(), "{\"emitted\":3}\n");
}

TEST_F(RunOperator, TellsByItsExitCodeWhetherAnotherAttemptMayHelp) {
  EXPECT_EQ(run("nothing", "{}"), 64);
  EXPECT_EQ(run("table_ingest", "{}"), 64);
  EXPECT_NE(out_.str().find(R"({"error":{"code":"payload_invalid")"), std::string::npos);
  serve([](const Asked&) { return Answered{}; });
  setenv("WEIR_INGEST_ROOTS", (R"({"default":")" + (folder_ / "in").string() + "\"}").c_str(), 1);
  setenv("WEIR_OBJECT_ROOT", (folder_ / "objects").c_str(), 1);
  auto payload = test::at_cursor(
      test::payload_of("table_ingest", R"({"path":"a.csv","format":"csv","columns":{"a":"text"}})"),
      Cursor(std::int64_t{1}));
  payload.outputs[0].kind = DatasetKind::Parquet;
  EXPECT_EQ(run("table_ingest", write_task_payload(payload)), 75);
  EXPECT_NE(out_.str().find(R"("code":"source_missing")"), std::string::npos);
  payload.config = R"({"path":"../a.csv","format":"csv","columns":{"a":"text"}})";
  EXPECT_EQ(run("table_ingest", write_task_payload(payload)), 65);
  EXPECT_NE(out_.str().find(R"("code":"path_invalid")"), std::string::npos);
}

/// The example in Python, run as a worker runs it: it reads bars, and commits what lacks.
TEST_F(RunOperator, RunsBesideTheExampleInPython) {
  std::map<std::string, std::string> objects;
  std::string event;
  serve([&](const Asked& asked) {
    if (asked.target.starts_with("/v1/task/rows?relation=input_0&cursor_column=time")) {
      std::string rows;
      for (const char* minute : {"00:00", "00:01", "00:05"}) {
        rows += std::string(R"({"time":"2018-04-04T)") + minute + ":00.000000Z\"}\n";
      }
      return Answered{.body = rows};
    }
    if (asked.method == "PUT") {
      const std::string name = asked.target.substr(std::string("/v1/task/objects/").size());
      objects[name] = asked.body;
      return Answered{.status = 201,
                      .body = R"({"uri":"file:///x","sha256":")" + base::sha256_hex(asked.body) +
                              R"(","size":)" + std::to_string(asked.body.size()) + "}"};
    }
    event = asked.body;
    return Answered{.body = R"({"results":[]})"};
  });
  auto payload = test::at_range(test::payload_of("minute_gaps", "{}"), {.start = 0, .end = 9});
  const auto store = *open_store(surroundings_, random_);
  const auto place = *staging_of(payload, payload.outputs[0], *store);
  payload.outputs[0].kind = DatasetKind::Parquet;
  payload.outputs[0].staging_prefix = store->root().uri_of(storage::staging_prefix(place));
  std::ofstream(folder_ / "payload.json") << write_task_payload(payload);
  const std::string command = "python3 " WEIR_SOURCE_DIR "/examples/operators/minute_gaps.py < " +
                              (folder_ / "payload.json").string() + " > " +
                              (folder_ / "result").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream result(folder_ / "result");
  std::string line;
  std::getline(result, line);
  EXPECT_EQ(line, R"({"rows": 1, "bars": 3})");
  // What it stored, put where the worker would, is a commit, and the engine reads its rows.
  for (const auto& [name, bytes] : objects) {
    const auto key = *storage::staging_prefix(place).key(name.substr(0, name.find('?')));
    ASSERT_TRUE(storage::put_text(*store, key, bytes).ok());
  }
  const auto document = *JsonDocument::parse(event);
  const JsonValue commit = (*document.root().find("events").begin()).find("commit");
  api_.events.push_back({.partition_key = "0-9",
                         .commit = storage::CommitNamed{
                             .prefix = std::string(commit.find("prefix").text()),
                             .manifest_sha256 = std::string(commit.find("manifest_sha256").text()),
                             .row_count = {},
                             .bytes = {},
                             .schema_hash = {}}});
  EXPECT_EQ(query(committed(payload), "after_ms || ':' || minutes"),
            duckdb::Value(std::string("1522800060000:3")));
}

}  // namespace
}  // namespace weir::operators
