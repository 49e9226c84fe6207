// SPDX-License-Identifier: Apache-2.0
#include "operators/child/convert_rows.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/unit/operators/child/bench.h"

namespace weir::operators {
namespace {

using Json = nlohmann::json;

class ConvertRows : public test::OperatorBench {
 protected:
  ConvertRows() { setenv("TMPDIR", work().c_str(), 1); }
  ~ConvertRows() override { unsetenv("TMPDIR"); }

  std::string work() const { return (folder_ / "work").string(); }
  std::string path(const std::string& name) const { return work() + "/" + name; }
  void put(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string get(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// What the child says last, with its exit code.
  Json convert(const char* to, const std::string& input, const std::string& output,
               const Json& columns) {
    const Json wanted = {
        {"to", to}, {"input", path(input)}, {"output", path(output)}, {"columns", columns}};
    std::istringstream in(wanted.dump() + "\n");
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_operator(
        kConvertRows, {.in = in, .out = out, .err = err, .clock = clock_, .random = random_});
    Json said = Json::parse(out.str());
    said["exit"] = code;
    return said;
  }

  const Json two_ = Json::parse(R"([{"name":"id","type":"bigint","nullable":false},)"
                                R"({"name":"note","type":"text","nullable":true}])");
};

TEST_F(ConvertRows, GivesEveryTypeBackAsItWas) {
  Json columns = Json::array();
  for (const char* type : {"text", "bigint", "double", "boolean", "numeric", "timestamptz", "date",
                           "uuid", "jsonb", "bytea"}) {
    columns.push_back({{"name", type}, {"type", type}, {"nullable", true}});
  }
  const std::string lines =
      R"({"text":"ü\n","bigint":-9007199254740993,"double":0.1,"boolean":true,)"
      R"("numeric":12345678901234567890.000000000000000001,)"
      R"("timestamptz":"2018-04-04T01:02:03.000004Z","date":"2018-04-04",)"
      R"("uuid":"0a0b0c0d-0000-4000-8000-000000000001","jsonb":{"a":[1,null]},"bytea":"\\x00ff"})"
      "\n"
      R"({"text":null,"bigint":null,"double":null,"boolean":null,"numeric":null,)"
      R"("timestamptz":null,"date":null,"uuid":null,"jsonb":null,"bytea":null})"
      "\n";
  put("a.jsonl", lines);
  EXPECT_EQ(convert("parquet", "a.jsonl", "a.parquet", columns), Json({{"rows", 2}, {"exit", 0}}));
  EXPECT_EQ(get("a.parquet").substr(0, 4), "PAR1");
  EXPECT_EQ(convert("jsonl", "a.parquet", "b.jsonl", columns), Json({{"rows", 2}, {"exit", 0}}));
  std::istringstream before(lines);
  std::istringstream after(get("b.jsonl"));
  std::string old_line;
  std::string new_line;
  while (std::getline(before, old_line)) {
    ASSERT_TRUE(std::getline(after, new_line));
    EXPECT_EQ(Json::parse(new_line), Json::parse(old_line));
  }
  EXPECT_NE(get("b.jsonl").find("12345678901234567890.000000000000000001"), std::string::npos);
}

TEST_F(ConvertRows, KeepsTheOrderOfRows) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) {
    lines += R"({"id":)" + std::to_string(i * 7919 % 20'000) + R"(,"note":null})" + "\n";
  }
  put("a.jsonl", lines);
  EXPECT_EQ(convert("parquet", "a.jsonl", "a.parquet", two_)["rows"], 20'000);
  EXPECT_EQ(convert("jsonl", "a.parquet", "b.jsonl", two_)["rows"], 20'000);
  EXPECT_EQ(get("b.jsonl"), lines);
}

TEST_F(ConvertRows, NamesTheLineThatIsAtFault) {
  put("a.jsonl", "{\"id\":1,\"note\":null}\n{\"id\":\"x\",\"note\":null}\n");
  const Json told = convert("parquet", "a.jsonl", "a.parquet", two_);
  EXPECT_EQ(told["exit"], 65);
  EXPECT_EQ(told["error"]["code"], "source_invalid");
  EXPECT_EQ(told["error"]["line"], 2);
  put("b.parquet", "PAR1 and nothing else");
  EXPECT_EQ(convert("jsonl", "b.parquet", "b.jsonl", two_)["error"]["code"], "source_invalid");
  put("c.jsonl", "{\"id\":1,\"note\":\"x\"}\n");
  EXPECT_EQ(convert("parquet", "c.jsonl", "c.parquet", two_)["exit"], 0);
  Json other = two_;
  other[1]["name"] = "remark";
  EXPECT_EQ(convert("jsonl", "c.parquet", "c2.jsonl", other)["error"]["code"], "source_invalid");
  const Json numeric = Json::parse(R"([{"name":"n","type":"numeric","nullable":false}])");
  put("d.jsonl", R"({"n":123456789012345678901234567890})");
  EXPECT_EQ(convert("parquet", "d.jsonl", "d.parquet", numeric)["error"]["code"], "value_unfit");
}

TEST_F(ConvertRows, TouchesNoFileOutsideOfItsFolder) {
  std::ofstream(folder_ / "in/a.parquet") << "PAR1";
  const Json told = convert("jsonl", "../in/a.parquet", "a.jsonl", two_);
  EXPECT_NE(told["exit"], 0);
  EXPECT_FALSE(std::filesystem::exists(path("a.jsonl")));
}

}  // namespace
}  // namespace weir::operators
