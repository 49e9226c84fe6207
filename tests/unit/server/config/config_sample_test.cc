// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "tests/unit/server/config/config_fixture.h"

namespace weir::server {
namespace {

using ConfigSample = ConfigFixture;

/// The sample with every key in force.
std::string uncommented(const std::string& sample) {
  std::istringstream lines(sample);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find_first_not_of(' ');
    if (mark != std::string::npos && line.compare(mark, 2, "# ") == 0) line.erase(mark, 2);
    out += line + "\n";
  }
  return out;
}

TEST_F(ConfigSample, ChangesNothingAsItStands) {
  const Result<Config> config = load(sample_config(table(), "dagmanager"));
  ASSERT_TRUE(config.ok()) << config.error().describe();
  for (const ConfigLine& line : config->lines()) EXPECT_EQ(line.origin, "default") << line.key;
}

TEST_F(ConfigSample, HoldsEveryKeyOfTheTableAndTheParserTakesEach) {
  for (const std::string section : {"dagmanager", ""}) {
    const std::string text = uncommented(sample_config(table(), section));
    LoadOptions with = options(text);
    with.section = section;
    const Result<Config> config = load_config(table(), with);
    ASSERT_TRUE(config.ok()) << config.error().describe() << "\n" << text;
    for (const KeyDescription& key : table()) {
      std::string name = key.key;
      if (name.contains("<type>")) name = "topic_overrides.raw.partitions";
      if (name.contains("<tag>")) name = "gc_policies.tag.ttl_days";
      const bool has_value = !key.default_text.empty() || !key.example.empty();
      EXPECT_EQ(config->given(name), has_value) << name;
    }
    EXPECT_EQ(config->text("graph_dsn"), "postgresql://weir@localhost/weir");
    EXPECT_EQ(config->integer("topic_overrides.raw.partitions"), 3);
  }
}

TEST_F(ConfigSample, SaysMeaningUnitDefaultAndBounds) {
  const std::string sample = sample_config(table(), "dagmanager");
  EXPECT_THAT(sample, testing::HasSubstr("  ## Between two collections. Default: 60.0 seconds. At "
                                         "least 0.1.\n  # gc_interval_seconds: 60.0\n"));
  EXPECT_THAT(sample, testing::HasSubstr("## How strict the start is. Default: dev. One of dev, "
                                         "prod.\n# profile: dev\n"));
  EXPECT_THAT(sample, testing::HasSubstr("Second name neo4j_dsn."));
  EXPECT_THAT(sample, testing::Not(testing::HasSubstr("Default: neo4j")));
}

TEST_F(ConfigSample, KeepsItsLinesShort) {
  std::vector<KeyDescription> keys = table();
  keys[1].meaning = "A very long explanation";
  for (int word = 0; word < 100; ++word) keys[1].meaning += " of things";
  std::istringstream lines(sample_config(keys, "dagmanager"));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(ConfigSample, QuotesWhatYamlWouldMisread) {
  const std::vector<KeyDescription> keys = {
      {.key = "a", .default_text = "# no comment", .meaning = "A."},
      {.key = "b", .default_text = "x: y", .meaning = "B."},
      {.key = "c", .kind = ValueKind::TextList, .default_text = "p q, *", .meaning = "C."}};
  LoadOptions with = options(uncommented(sample_config(keys, "s")));
  with.section = "s";
  const Result<Config> config = load_config(keys, with);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->text("a"), "# no comment");
  EXPECT_EQ(config->text("b"), "x: y");
  EXPECT_THAT(config->text_list("c"), testing::ElementsAre("p q", "*"));
}

}  // namespace
}  // namespace weir::server
