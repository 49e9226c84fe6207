// SPDX-License-Identifier: Apache-2.0
#include "server/log_line.h"

#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/strong_text.h"

namespace weir::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// 2026-01-31T09:30:05.125999Z
constexpr Instant kTime{std::chrono::microseconds(1'769'851'805'125'999)};

std::string as_json(std::string_view message, LogFields fields = {}, std::string_view trace = {}) {
  return json_line({kTime, LogLevel::Info, message, fields, trace});
}

std::string as_text(std::string_view message, LogFields fields = {}, std::string_view trace = {}) {
  return human_line({kTime, LogLevel::Warning, message, fields, trace});
}

TEST(LogLine, IsOneJsonObjectWithTheFieldsInOrder) {
  EXPECT_EQ(as_json("diff committed", {{"strategy", "s 1"}, {"nodes", 1000}}, "0af7"),
            R"({"ts":"2026-01-31T09:30:05.125Z","level":"info","msg":"diff committed",)"
            R"("strategy":"s 1","nodes":1000,"trace_id":"0af7"})");
}

TEST(LogLine, TakesEveryKindOfValue) {
  const std::string text = "text";
  const base::StrongText<struct AnyTag> id("id");
  const json line = json::parse(as_json("m", {{"a", text},
                                              {"b", std::string_view("view")},
                                              {"c", id},
                                              {"d", true},
                                              {"e", -5},
                                              {"f", std::numeric_limits<std::uint64_t>::max()},
                                              {"g", 0.5},
                                              {"h", std::size_t{7}},
                                              {"i", std::int64_t{-8}},
                                              {"j", std::numeric_limits<double>::infinity()}}));
  EXPECT_EQ(line["a"], "text");
  EXPECT_EQ(line["b"], "view");
  EXPECT_EQ(line["c"], "id");
  EXPECT_EQ(line["d"], true);
  EXPECT_EQ(line["e"], -5);
  EXPECT_EQ(line["f"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(line["g"], 0.5);
  EXPECT_EQ(line["h"], 7);
  EXPECT_EQ(line["i"], -8);
  EXPECT_EQ(line["j"], "inf");
}

TEST(LogLine, ReadsWellForPeople) {
  EXPECT_EQ(
      as_text("diff slow", {{"strategy", "s1"}, {"why", "it is"}, {"ms", 12.5}, {"e", ""}}, "0af7"),
      "2026-01-31 09:30:05.125Z warning diff slow  strategy=s1 why=\"it is\" ms=12.5 e=\"\" "
      "trace=0af7");
  EXPECT_EQ(as_text("bare"), "2026-01-31 09:30:05.125Z warning bare");
}

TEST(LogLine, CannotBeForgedByWhatItHolds) {
  const std::string forged = "x\n{\"level\":\"error\"}\r\x1b[2J\x7f\xC2\x9b\xE2\x80\xA8\\u000a\"";
  for (const std::string& line :
       {as_json(forged, {{"field\n", forged}}), as_text(forged, {{"field\n", forged}})}) {
    for (const char* never : {"\n", "\r", "\x1b", "\x7f", "\xC2\x9b", "\xE2\x80\xA8"}) {
      EXPECT_THAT(line, Not(HasSubstr(never)));
    }
  }
  const json back = json::parse(as_json(forged));
  EXPECT_EQ(back["msg"], forged);
}

TEST(LogLine, ReplacesBytesThatAreNotUtf8) {
  const std::string broken[] = {
      "\xff",              // never a first byte
      "\x80",              // a lone continuation
      "\xC0\xAF",          // overlong
      "\xE0\x80\xAF",      // overlong
      "\xED\xA0\x80",      // a surrogate
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xE2\x82",          // cut short
      "\xF0\x9F\x98",      // cut short
  };
  for (const std::string& text : broken) {
    const json line = json::parse(as_json("a" + text, {{"f", text + "b"}}));
    EXPECT_THAT(line["msg"].get<std::string>(), testing::StartsWith("a\xEF\xBF\xBD"));
    EXPECT_THAT(line["f"].get<std::string>(), testing::EndsWith("\xEF\xBF\xBD"
                                                                "b"));
  }
  const std::string good = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80";
  EXPECT_EQ(json::parse(as_json(good))["msg"], good);
}

TEST(LogLine, CutsLongTextsBetweenCharacters) {
  std::string text;
  while (text.size() < (std::size_t{17} << 10)) text += "\xE2\x82\xAC";
  const std::string line = as_json(text);
  EXPECT_LT(line.size(), (std::size_t{16} << 10) + 100);
  const std::string kept = json::parse(line)["msg"];
  EXPECT_THAT(kept, testing::EndsWith("\xE2\x82\xAC\xE2\x80\xA6"));
  EXPECT_THAT(kept, Not(HasSubstr("\xEF\xBF\xBD")));
}

}  // namespace
}  // namespace weir::server
