// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/yaml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "E_YAML 1:1" of each fault of the reading alone.
std::vector<std::string> faults_of(std::string_view text, bool* read = nullptr) {
  YamlTree tree;
  FaultList faults;
  const bool done = read_yaml(text, tree, faults);
  if (read != nullptr) *read = done;
  std::vector<std::string> texts;
  for (const DagFault& fault : std::move(faults).in_order(text, true)) {
    texts.push_back(place_text(fault));
  }
  return texts;
}

/// Texts whose marks say what must be told of them.
void expect_marked(std::string_view text) {
  const Marked document = marked(text);
  EXPECT_EQ(faults_of(document.text), document.expected) << document.text;
}

TEST(YamlReader, StopsAtWhatIsNoYaml) {
  for (const std::string_view text : {
           "a: [1, 2«E_YAML»",
           "a: 1\n«E_YAML»]\n",
           "a: 1\n b«E_YAML»: 2\n",
           "a: «E_YAML»@x\n",
           "a: «E_YAML»%x\n",
           "a: \"é\" «E_YAML»}\n",
           "a: \"é\nb: 1«E_YAML»",
       }) {
    bool read = true;
    const Marked document = marked(text);
    const std::vector<std::string> told = faults_of(document.text, &read);
    EXPECT_FALSE(read) << text;
    EXPECT_EQ(told.size(), 1U) << text;
    EXPECT_EQ(told.empty() ? "" : told[0].substr(0, 7), "E_YAML ") << text;
  }
  expect_marked("a: 1\n«E_YAML»]\n");
  expect_marked("é: «E_YAML»@x\n");
}

TEST(YamlReader, SaysNoHalfCharacters) {
  YamlTree tree;
  FaultList faults;
  EXPECT_FALSE(read_yaml("a: \"\\漢\"", tree, faults));
  const std::vector<DagFault> told = std::move(faults).in_order("a", true);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].detail, "unknown escape character: ");
}

TEST(YamlReader, WantsOneDocument) {
  for (const std::string_view text : {"", "\n", "# only a comment\n", "---\n", "~\n"}) {
    EXPECT_THAT(faults_of(text), ElementsAre("E_YAML 1:1")) << text;
  }
  expect_marked("a: 1\n«E_YAML»---\nb: 2\n");
  expect_marked("---\na: 1\n...\n«E_YAML»---\nb: 1\n");
  EXPECT_THAT(faults_of("%YAML 1.2\n---\na: 1\n...\n"), IsEmpty());
}

TEST(YamlReader, RefusesTheZeroCharacterWhereItsTextStands) {
  expect_marked("a: «E_VALUE»\"x\\0y\"\nb: [1, «E_VALUE»\"\\x00\", {c: «E_VALUE»\"\\u0000\"}]\n");
  expect_marked("a:\n  «E_VALUE»\"k\\0\": {b: 1}\n  c: 2\n");
  expect_marked("a: '\\0'\n");
  expect_marked("a: «E_YAML_FEATURE»!x \"\\0\"\n");
}

TEST(YamlReader, RefusesBytesThatAreNoText) {
  EXPECT_THAT(faults_of("a: é\nb: \xff\n"), ElementsAre("E_YAML 2:4"));
  EXPECT_THAT(faults_of(std::string_view("a: \0", 4)), ElementsAre("E_YAML 1:4"));
  EXPECT_THAT(faults_of("a: 1\x04\nb: 2"), ElementsAre("E_YAML 1:5"));
  EXPECT_THAT(faults_of("a: \xc2\x80"), ElementsAre("E_YAML 1:4"));
  EXPECT_THAT(faults_of("a: \xc2\x85"), IsEmpty());
}

TEST(YamlReader, HasBoundsOfSizeAndDepth) {
  EXPECT_THAT(faults_of("a: " + std::string(std::size_t{1} << 20, 'x')),
              ElementsAre("E_LIMIT 1:1"));
  const std::string deepest = "a: " + std::string(31, '[') + std::string(31, ']');
  EXPECT_THAT(faults_of(deepest), IsEmpty());
  EXPECT_THAT(faults_of("a: " + std::string(32, '[') + std::string(32, ']')),
              ElementsAre("E_LIMIT 1:35"));
  EXPECT_THAT(faults_of("a: " + std::string(100'000, '[')).back(), testing::StartsWith("E_LIMIT"));
}

TEST(YamlReader, RefusesWhatYamlOffersBesidesValues) {
  expect_marked("a: «E_YAML_FEATURE»&x 1\nb: «E_YAML_FEATURE»*x\n");
  expect_marked("a: «E_YAML_FEATURE»*unknown\n");
  expect_marked("«E_YAML_FEATURE»<<: {a: 1}\nb: 1\n");
  expect_marked("a: «E_YAML_FEATURE»!!str 5\n");
  expect_marked("a: «E_YAML_FEATURE»!mine {b: 1}\nc: «E_YAML_FEATURE»!x [1]\n");
  expect_marked("a: «E_YAML_FEATURE»! plain\n");
  expect_marked("? «E_YAML_FEATURE»[a, b]\n: 1\nc: 2\n");
  expect_marked("? «E_YAML_FEATURE»{a: b}\n: {x: 1, «E_DUPLICATE_KEY»x: 2}\nc: 2\n");
  expect_marked("a: {«E_YAML_FEATURE»: 1, b: 2}\n");
  EXPECT_THAT(faults_of("\"<<\": 1\na: '!x'\nb: \"&y\"\n"), IsEmpty());
}

TEST(YamlReader, TellsEveryRepeatedKey) {
  expect_marked("a: 1\nb: 2\n«E_DUPLICATE_KEY»a: 3\n«E_DUPLICATE_KEY»a: 4\n");
  expect_marked("a: {x: 1, «E_DUPLICATE_KEY»\"x\": 2}\n");
  std::string many;
  for (int i = 0; i < 50; ++i) many += "k" + std::to_string(i) + ": 1\n";
  expect_marked(many + "«E_DUPLICATE_KEY»k7: 1\nz: 1\n«E_DUPLICATE_KEY»k49: 1\n");
}

/// The member of a tree's root.
class YamlValues : public testing::Test {
 protected:
  YamlValue at(std::string_view text, std::string_view key) {
    FaultList faults;
    tree_ = YamlTree();
    EXPECT_TRUE(read_yaml(text, tree_, faults)) << text;
    return tree_.root().find(key);
  }

  YamlTree tree_;
};

TEST_F(YamlValues, KnowsNullPlainAndQuoted) {
  EXPECT_EQ(at("a: ~\n", "a").kind(), YamlKind::Null);
  EXPECT_EQ(at("a: null\n", "a").kind(), YamlKind::Null);
  EXPECT_EQ(at("a:\nb: 1\n", "a").kind(), YamlKind::Null);
  EXPECT_EQ(at("a: Null\nb: 1\n", "a").text(), "Null");
  EXPECT_EQ(at("b: {a: NULL}\n", "b").find("a").kind(), YamlKind::Plain);
  EXPECT_EQ(at("a:\nNull: 1\n", "a").kind(), YamlKind::Null) << "Null is the next key";
  EXPECT_EQ(at("a:\nNull: 1\n", "Null").text(), "1");
  EXPECT_EQ(at("a: '5'\n", "a").kind(), YamlKind::Quoted);
  EXPECT_EQ(at("a: |\n  x\n", "a").kind(), YamlKind::Quoted);
  EXPECT_EQ(at("a: 5\n", "a").kind(), YamlKind::Plain);
  EXPECT_TRUE(at("a: 5\n", "b").missing());
}

TEST_F(YamlValues, StandsAtItsFirstKeyBracketQuoteOrDash) {
  EXPECT_EQ(at("a: {x: 1}\n", "a").offset(), 3U);
  EXPECT_EQ(at("a:\n  x: 1\n", "a").offset(), 5U);
  EXPECT_EQ(at("a: \"x\"\n", "a").offset(), 3U);
  EXPECT_EQ(at("a:\nb: 1\n", "a").offset(), 0U) << "a null stands at its key";
  const YamlValue list = at("a:\n  - 1\n  - # empty\n\n  # more\n  - 2\n", "a");
  ASSERT_EQ(list.size(), 3U);
  auto item = list.begin();
  ++item;
  EXPECT_EQ((*item).kind(), YamlKind::Null);
  EXPECT_EQ((*item).offset(), 11U) << "a null of a list stands at its dash";
  EXPECT_EQ((*item).path(), "a[1]");
}

TEST_F(YamlValues, SpellsPaths) {
  const YamlValue value = at("a:\n  - {\"b c\": {d-e: [x]}}\n", "a");
  const YamlValue inner = (*value.begin()).find("b c").find("d-e");
  EXPECT_EQ((*inner.begin()).path(), "a[0][\"b c\"].d-e[0]");
}

TEST_F(YamlValues, LeavesOutRepeatedKeysAndWhatStandsUnderOddOnes) {
  at("a: 1\nb: 2\na: 3\n? [x]\n: {y: 1}\nc: 4\n", "a");
  EXPECT_EQ(tree_.root().size(), 3U);
  EXPECT_EQ(tree_.root().find("a").text(), "1");
  EXPECT_EQ(tree_.root().find("c").text(), "4");
}

}  // namespace
}  // namespace weir::dispatcher
