// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "tests/unit/base/test_seed.h"

namespace weir::base {
namespace {

JsonDocument parsed(std::string_view text) {
  auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document.ok()) << text << ": " << document.error().describe();
  return *std::move(document);
}

Error refused(std::string_view text, const JsonLimits& limits = {}) {
  auto document = JsonDocument::parse(text, limits);
  EXPECT_FALSE(document.ok()) << text;
  return document.ok() ? internal("was accepted") : std::move(document).error();
}

TEST(Json, ReadsEveryKindOfValue) {
  const JsonDocument document = parsed(
      R"( {"n":null,"t":true,"f":false,"i":-12,"d":1.50e2,"s":"x","a":[1,[]],"o":{"k":{}}} )");
  const JsonValue root = document.root();
  EXPECT_EQ(root.kind(), JsonKind::Object);
  EXPECT_EQ(root.size(), 8U);
  EXPECT_TRUE(root.find("n").is_null());
  EXPECT_EQ(root.find("t").kind(), JsonKind::True);
  EXPECT_TRUE(root.find("f").is_bool());
  EXPECT_EQ(root.find("i").kind(), JsonKind::Integer);
  EXPECT_EQ(root.find("i").text(), "-12");
  EXPECT_EQ(root.find("d").kind(), JsonKind::Double);
  EXPECT_EQ(root.find("d").text(), "1.50e2");  // as written
  EXPECT_TRUE(root.find("s").is_text());
  EXPECT_EQ(root.find("a").size(), 2U);
  EXPECT_EQ((*root.find("a").begin()).text(), "1");
  EXPECT_TRUE(root.find("o").find("k").is_object());
  EXPECT_EQ(root.find("o").text(), "");
}

TEST(Json, ReadsScalarsAtTheRoot) {
  EXPECT_EQ(parsed("null").root().kind(), JsonKind::Null);
  EXPECT_EQ(parsed(" 7\n").root().text(), "7");
  EXPECT_EQ(parsed(R"("a")").root().text(), "a");
  EXPECT_EQ(parsed("[]").root().size(), 0U);
}

TEST(Json, GivesChildrenInDocumentOrderWithRepeatedKeys) {
  const JsonDocument document = parsed(R"({"b":1,"a":2,"b":[3]})");
  std::vector<std::string> keys;
  for (const JsonValue member : document.root()) keys.emplace_back(member.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"b", "a", "b"}));
  EXPECT_EQ(document.root().size(), 3U);
  EXPECT_TRUE(document.root().find("b").is_array());  // the last one counts
}

TEST(Json, RanksValuesInDocumentOrder) {
  const JsonDocument document = parsed(R"({"a":[1,2],"b":3})");
  const JsonValue list = document.root().find("a");
  EXPECT_LT(document.root().position(), list.position());
  EXPECT_LT(list.position(), (*list.begin()).position());
  EXPECT_LT((*list.begin()).position(), document.root().find("b").position());
}

TEST(Json, AnswersQuestionsToMissingValues) {
  const JsonDocument document = parsed(R"({"a":1})");
  const JsonValue missing = document.root().find("b").find("c");
  EXPECT_TRUE(missing.missing());
  EXPECT_TRUE(missing.is_null());
  EXPECT_FALSE(missing.is_number());
  EXPECT_EQ(missing.text(), "");
  EXPECT_EQ(missing.size(), 0U);
  EXPECT_TRUE(missing.begin() == missing.end());
  EXPECT_TRUE(document.root().find("a").find("x").missing());
}

TEST(Json, KeepsItsValuesWhenItIsMoved) {
  JsonDocument first = parsed(R"({"key":"a\nb"})");
  const JsonDocument second = std::move(first);
  EXPECT_EQ(second.root().find("key").text(), "a\nb");
}

TEST(Json, DecodesEveryEscape) {
  EXPECT_EQ(parsed(R"("\"\\\/\b\f\n\r\t")").root().text(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parsed(R"("\u0041\u00e9\u20AC\ud83d\ude00")").root().text(), "Aé€😀");
  EXPECT_EQ(parsed(R"("a\u0000b")").root().text(), std::string_view("a\0b", 3));
  EXPECT_EQ(parsed(R"({"\u006bey":1})").root().find("key").text(), "1");
  EXPECT_EQ(parsed(R"("\\u0041")").root().text(), R"(\u0041)");
}

const std::vector<std::string> kNotJson = {
    "",
    " ",
    "\n",
    "{",
    "[",
    "]",
    "}",
    ":",
    ",",
    "\"",
    "\"a",
    "[1",
    "[1,",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "[1,]",
    "{\"a\":1,}",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{1:1}",
    "{\"a\":}",
    "{:1}",
    "{,}",
    "[:]",
    "[1:2]",
    "{\"a\",\"b\"}",
    "[\"a\":1]",
    "{\"a\":1:2}",
    "{\"a\"::1}",
    "[1}",
    "{\"a\":1]",
    "[]]",
    "{}}",
    "[][]",
    "1 2",
    "{} x",
    "\"a\"b",
    "\"a\"\"b\"",
    "nul",
    "nulll",
    "True",
    "tru",
    "truefalse",
    "NaN",
    "Infinity",
    "-Infinity",
    "+1",
    "-",
    "01",
    "-01",
    "00",
    "1.",
    ".5",
    "1.e2",
    "1e",
    "1e+",
    "1e1.5",
    "0x1",
    "1_0",
    "1a",
    "--1",
    "1-",
    "1.2.3",
    "1ee2",
    "'a'",
    "[1]//c",
    "/**/1",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\\uDC00\\uD800\"",
    "\"\\",
    "\"a\\",
    "\"\x01\"",
    "\"\t\"",
    "\"\n\"",
    std::string("\"\0\"", 3),
    std::string("1\0", 2),
    "\xef\xbb\xbf{}",
    "\"\xff\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xe2\x82\"",
    "\xff",
    "[\x0c]",
    "\x0c"
    "1",
    "\xc2\xa0"
    "1",
    "{\"a\":\"\\ud800\"}",
    "{\"\\ud800\":1}",
    "[\"a\nb\"]",
    "\\n",
    "[\\]",
    "1\\",
    "{\"a\\\":1}",
};

TEST(Json, RefusesWhatIsNotJson) {
  for (const std::string& text : kNotJson) {
    const Error error = refused(text);
    EXPECT_EQ(error.reason(), "dag_not_json") << text;
    EXPECT_EQ(error.code(), Code::InvalidArgument) << text;
    EXPECT_TRUE(error.message().starts_with("line ")) << error.message();
  }
}

TEST(Json, SaysAtWhichCharacterTheTextGoesWrong) {
  const auto place_of = [](std::string_view text) {
    const std::string message = refused(text).message();
    return message.substr(0, message.find(": "));
  };
  EXPECT_EQ(place_of("{\"a\": tru}"), "line 1, column 7");
  EXPECT_EQ(place_of("{\n  \"é\": 01\n}"), "line 2, column 8");
  EXPECT_EQ(place_of("[1,\n2"), "line 2, column 2");
  EXPECT_EQ(place_of("[\"a\\q\"]"), "line 1, column 4");
  EXPECT_EQ(place_of("[\"ab\xff\"]"), "line 1, column 5");
  EXPECT_EQ(place_of("[\"a\\\"\nb\"]"), "line 1, column 6");
  EXPECT_EQ(place_of("[1, \"abc]"), "line 1, column 5");
  EXPECT_EQ(place_of("[1] [2]"), "line 1, column 5");
  EXPECT_EQ(place_of(""), "line 1, column 1");
}

TEST(Json, TakesNumbersOfAnyLengthAsWritten) {
  const std::string digits(400, '9');
  EXPECT_EQ(parsed(digits).root().text(), digits);
  EXPECT_EQ(parsed("1e400").root().kind(), JsonKind::Double);
  EXPECT_EQ(parsed("-0").root().kind(), JsonKind::Integer);
  EXPECT_EQ(parsed("0.0").root().text(), "0.0");
  EXPECT_EQ(parsed("1E+05").root().text(), "1E+05");
}

TEST(Json, TakesInfinitiesOnlyWhereAsked) {
  EXPECT_FALSE(JsonDocument::parse("[Infinity]").ok());
  const auto document = JsonDocument::parse("[Infinity,-Infinity]", {.infinities = true});
  ASSERT_TRUE(document.ok());
  EXPECT_EQ((*document->root().begin()).kind(), JsonKind::Double);
  EXPECT_FALSE(JsonDocument::parse("[NaN]", {.infinities = true}).ok());
  EXPECT_FALSE(JsonDocument::parse("[-Infinit]", {.infinities = true}).ok());
}

TEST(Json, HoldsItsBounds) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(JsonDocument::parse(nested(64)).ok());
  EXPECT_EQ(refused(nested(65)).reason(), "dag_bounds");
  EXPECT_EQ(refused(nested(100'000)).reason(), "dag_bounds");
  EXPECT_TRUE(JsonDocument::parse("[1]", {.bytes_max = 3}).ok());
  EXPECT_EQ(refused("[1] ", {.bytes_max = 3}).reason(), "dag_bounds");
}

TEST(Json, PointsAtWhatIsTooDeep) {
  const Error error = refused(R"({"a/b":[1,{"~":[[]]}]})", {.depth_max = 4});
  ASSERT_EQ(error.faults().size(), 1U);
  EXPECT_EQ(error.faults().front().reason, "dag_bounds");
  EXPECT_EQ(error.faults().front().path, "/a~1b/1/~0/0");
}

TEST(Json, ReadsStructureAcrossBlockBorders) {
  // simdjson works on 64 bytes at a time: quotes, escapes and literals must not care where they
  // lie.
  for (std::size_t shift = 0; shift < 130; ++shift) {
    const std::string text = std::string(shift, ' ') + R"({"k\"\\":"v\\\"","t":true,"n":[-1.5e3]})";
    const JsonDocument document = parsed(text);
    EXPECT_EQ(document.root().find("k\"\\").text(), "v\\\"") << shift;
    EXPECT_EQ((*document.root().find("n").begin()).text(), "-1.5e3") << shift;
    const std::string filled = "[\"" + std::string(shift, 'x') + "\",1]";
    EXPECT_EQ((*parsed(filled).root().begin()).text().size(), shift);
  }
}

bool nlohmann_takes(const std::string& text) {
  if (text.starts_with("\xef\xbb\xbf")) return false;  // it would skip a byte order mark
  return nlohmann::json::accept(text);
}

TEST(Json, AgreesWithAnotherParserOnDamagedTexts) {
  SeededRandom random(test_seed(20261121));
  const std::string good =
      R"({"a":[1,-2.5e-3,true,false,null,"x\u00e9\n\ud83d\ude00"],"b":{"c":{},"d":[]},"é":"€"})";
  const std::string spice = "{}[]:,\"\\ \n\t0123456789-+.eEutrfalsn\x01\x7f\xc3\xff";
  int taken = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = good;
    const std::uint64_t changes = 1 + random.below(3);
    for (std::uint64_t change = 0; change < changes; ++change) {
      const std::size_t at = random.below(text.size());
      const char byte = spice[random.below(spice.size())];
      switch (random.below(3)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1 + random.below(3));
      }
    }
    const bool ours = JsonDocument::parse(text).ok();
    ASSERT_EQ(ours, nlohmann_takes(text)) << text;
    taken += ours ? 1 : 0;
  }
  EXPECT_GT(taken, 1000);  // some damage is harmless: both answers are tried
}

TEST(Json, RefusesEveryPrefixOfADocument) {
  const std::string good = R"({"a":[1,-2.5e-3,true,null,"x\u00e9"],"b":{"c":{}}})";
  for (std::size_t length = 0; length < good.size(); ++length) {
    refused(std::string_view(good).substr(0, length));
  }
}

TEST(JsonPointer, EscapesItsMarks) {
  EXPECT_EQ(json_pointer("", "nodes"), "/nodes");
  EXPECT_EQ(json_pointer("/nodes", std::size_t{12}), "/nodes/12");
  EXPECT_EQ(json_pointer("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(json_pointer("", ""), "/");
}

TEST(JsonText, EscapesAsTheContractWants) {
  std::string out = "=";
  append_json_text(out, std::string_view("\"\\/\b\f\n\r\t\0\x1f\x7f€\u2028", 17));
  EXPECT_EQ(out, "=\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f€\u2028\"");
}

}  // namespace
}  // namespace weir::base
