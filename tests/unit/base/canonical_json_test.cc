// SPDX-License-Identifier: Apache-2.0
#include "base/canonical_json.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::base {
namespace {

std::string canonical(std::string_view text, KeyFilter drop = nullptr) {
  const auto document = JsonDocument::parse(text, {.infinities = true});
  EXPECT_TRUE(document.ok()) << text;
  return document.ok() ? canonical_json(document->root(), drop) : std::string();
}

std::string ascii(std::string_view text, int indent = 0) {
  const auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document.ok()) << text;
  return document.ok() ? ascii_json(document->root(), indent) : std::string();
}

TEST(CanonicalJson, SortsKeysAtEveryDepthAndKeepsLists) {
  EXPECT_EQ(
      canonical(R"( { "z" : [ 3 , 1 ], "a" : { "y" : 1 , "x" : [ { "k2" : 2, "k1" : 1 } ] } } )"),
      R"({"a":{"x":[{"k1":1,"k2":2}],"y":1},"z":[3,1]})");
}

TEST(CanonicalJson, SortsByCodePointNotByUtf16) {
  EXPECT_EQ(canonical(R"({"\ud800\udc00":1,"\uffff":2,"b":3,"B":4,"":5})"),
            "{\"\":5,\"B\":4,\"b\":3,\"\uffff\":2,\"\U00010000\":1}");
}

TEST(CanonicalJson, TakesTheLastOfRepeatedKeys) {
  EXPECT_EQ(canonical(R"({"a":1,"b":0,"a":{"x":1},"a":2})"), R"({"a":2,"b":0})");
  EXPECT_EQ(canonical(R"({"a":1,"\u0061":2})"), R"({"a":2})");
}

TEST(CanonicalJson, DropsMembersAtEveryDepth) {
  const KeyFilter drop = [](std::string_view key) { return key == "seed"; };
  EXPECT_EQ(canonical(R"({"seed":1,"a":[{"seed":{"b":1}},{"c":{"seed":2,"d":3}}]})", drop),
            R"({"a":[{},{"c":{"d":3}}]})");
}

TEST(CanonicalJson, WritesAMissingValueAsNull) { EXPECT_EQ(canonical_json(JsonValue()), "null"); }

TEST(AsciiJson, EscapesAllThatIsNotPrintableAscii) {
  EXPECT_EQ(ascii("{\"é\":\"€\u007f\U0001f600/\",\"a\":\"\\n\\u0001\\\"\"}"),
            R"({"a":"\n\u0001\"","\u00e9":"\u20ac\u007f\ud83d\ude00/"})");
}

TEST(AsciiJson, IndentsOneMemberALine) {
  EXPECT_EQ(ascii(R"({"b":[1,{"c":[]}],"a":{}})", 2),
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"c\": []\n    }\n  ]\n}");
}

}  // namespace
}  // namespace weir::base
