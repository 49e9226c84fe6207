// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/params.h"

#include <gtest/gtest.h>

#include <list>
#include <optional>
#include <string>
#include <vector>

namespace weir::postgres {
namespace {

using std::string_literals::operator""s;  // For texts with zero bytes.

std::string value(const Params& params, std::size_t index = 0) {
  return std::string(params.value(index).value_or("NULL"));
}

struct Node {
  std::string topic;
  std::int64_t interval = 0;
  std::string name() const { return "node " + topic; }
};

TEST(Params, EncodesScalarsBigEndian) {
  const std::vector<std::byte> bytes = {std::byte{0}, std::byte{255}};
  Params params;
  params.text("añ").int64(-2).int32(258).number(1.0).boolean(true).bytes(bytes);
  ASSERT_EQ(params.size(), 6U);
  EXPECT_EQ(value(params, 0), "añ");
  EXPECT_EQ(value(params, 1), "\xff\xff\xff\xff\xff\xff\xff\xfe");
  EXPECT_EQ(value(params, 2), "\0\0\x01\x02"s);
  EXPECT_EQ(value(params, 3), "\x3f\xf0\0\0\0\0\0\0"s);
  EXPECT_EQ(value(params, 4), "\x01");
  EXPECT_EQ(value(params, 5), "\0\xff"s);
  EXPECT_EQ(params.type(0), Type::Text);
  EXPECT_EQ(params.type(5), Type::Bytea);
}

TEST(Params, CountsInstantsFromTheYear2000) {
  Params params;
  params.instant(Instant(Duration(946'684'800'000'001)));
  EXPECT_EQ(value(params), "\0\0\0\0\0\0\0\x01"s);
  EXPECT_EQ(params.type(0), Type::Timestamptz);
}

TEST(Params, PutsTheVersionBeforeAJsonDocument) { EXPECT_EQ(value(Params().json("{}")), "\x01{}"); }

TEST(Params, TellsNullFromEmptyText) {
  Params params;
  params.null(Type::Int8).text("").text_or_null(std::nullopt).text_or_null("x");
  params.int64_or_null(std::nullopt);
  EXPECT_FALSE(params.value(0).has_value());
  EXPECT_EQ(params.type(0), Type::Int8);
  ASSERT_TRUE(params.value(1).has_value());
  EXPECT_NE(params.value(1)->data(), nullptr);
  EXPECT_TRUE(params.value(1)->empty());
  EXPECT_FALSE(params.value(2).has_value());
  EXPECT_EQ(value(params, 3), "x");
  EXPECT_EQ(params.type(4), Type::Int8);
}

TEST(Params, EncodesAnArrayOfText) {
  const std::vector<std::string> items = {"ab", ""};
  EXPECT_EQ(value(Params().text_array(items)),
            "\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01"
            "\0\0\0\x02"
            "ab\0\0\0\0"s);
}

TEST(Params, MarksArraysThatHoldNulls) {
  const std::vector<std::optional<std::int32_t>> items = {std::nullopt, 7};
  EXPECT_EQ(value(Params().int32_array(items)),
            "\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01"
            "\xff\xff\xff\xff\0\0\0\x04\0\0\0\x07"s);
}

TEST(Params, EncodesAnEmptyArrayWithoutDimensions) {
  EXPECT_EQ(value(Params().int64_array(std::vector<std::int64_t>())),
            "\0\0\0\0\0\0\0\0\0\0\0\x14"s);
}

TEST(Params, TakesElementsThroughMembersGettersAndFunctions) {
  const std::list<Node> nodes = {{"t1", 60}, {"t2", 300}};
  Params params;
  params.text_array(nodes, &Node::topic).int64_array(nodes, &Node::interval);
  params.text_array(nodes, &Node::name);
  params.boolean_array(nodes, [](const Node& node) { return node.interval > 100; });
  EXPECT_NE(value(params, 0).find("t2"), std::string::npos);
  EXPECT_TRUE(value(params, 1).ends_with("\x01\x2c"));
  EXPECT_NE(value(params, 2).find("node t1"), std::string::npos);
  EXPECT_TRUE(value(params, 3).ends_with("\0\0\0\x01\0\0\0\0\x01\x01"s));
  EXPECT_EQ(params.type(3), Type::BoolArray);
}

TEST(Params, NamesTheTypeOfEachKindOfArray) {
  Params params;
  params.text_array(std::vector<std::string>()).int64_array(std::vector<int>());
  params.int32_array(std::vector<int>()).number_array(std::vector<double>{0.5});
  params.boolean_array(std::vector<bool>{true}).bytes_array(std::vector<std::vector<std::byte>>());
  const std::vector<Type> wanted = {Type::TextArray,   Type::Int8Array, Type::Int4Array,
                                    Type::Float8Array, Type::BoolArray, Type::ByteaArray};
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(params.type(i), wanted[i]) << i;
}

TEST(Params, KeepsEarlierValuesWhenTheBufferGrows) {
  Params params;
  params.text("first");
  for (int i = 0; i < 1'000; ++i) params.text(std::string(100, 'x'));
  EXPECT_EQ(value(params, 0), "first");
  EXPECT_EQ(value(params, 1'000), std::string(100, 'x'));
}

}  // namespace
}  // namespace weir::postgres
