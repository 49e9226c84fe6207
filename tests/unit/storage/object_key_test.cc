// SPDX-License-Identifier: Apache-2.0
#include "storage/object_key.h"

#include <gtest/gtest.h>

namespace weir::storage {
namespace {

std::string long_key() {
  std::string key = "a";
  while (key.size() < 1100) key += "/" + std::string(100, 'b');
  return key;
}

std::string deep_key() {
  std::string key = "a";
  for (int i = 0; i < 40; ++i) key += "/b";
  return key;
}

TEST(ObjectKey, TakesPlainNames) {
  for (const char* text : {"a", "datasets/u/v/_staging/t/1/0-9999/part_0_9999_0.parquet",
                           "year=2024/a,b+c@d~e:f", "a/.hidden", "a/...", "a..b/c", "-/_"}) {
    const auto key = ObjectKey::parse(text);
    ASSERT_TRUE(key.ok()) << text;
    EXPECT_EQ(key->text(), text);
  }
}

TEST(ObjectKey, RefusesWhateverMightLeadElsewhere) {
  using std::string_literals::operator""s;
  const std::vector<std::string> hostile = {
      "",         "/",          "/a",         "a/",      "a//b",
      "..",       ".",          "../a",       "a/..",    "a/../b",
      "a/./b",    ".tmp/x",     "a\\b",       "a/..\\b", "a/%2e%2e/b",
      "a/%2f",    "a*",         "a?b",        "a\0b"s,   "a\nb",
      "a b",      "a/\xc3\xa4", "\xff",       "a#b",     "a[1]",
      "{a}",      "a;b",        "$a",         "a\x7f",   std::string(256, 'x'),
      long_key(), deep_key(),   "a/\u202e/b", "~/../a",  "a/b/../../../etc/passwd"};
  for (const std::string& text : hostile) {
    const auto key = ObjectKey::parse(text);
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.error().reason(), "key_invalid") << text;
    EXPECT_EQ(key.error().code(), Code::InvalidArgument);
    EXPECT_FALSE(ObjectPrefix::parse(text + "/").ok()) << text;
  }
}

TEST(ObjectPrefix, EndsInASlashAndIsNeverTheWholeStore) {
  EXPECT_TRUE(ObjectPrefix::parse("a/b/").ok());
  for (const char* text : {"", "/", "a", "a/b", "a//", "a/../", "/a/", "./"}) {
    EXPECT_FALSE(ObjectPrefix::parse(text).ok()) << text;
  }
}

TEST(ObjectPrefix, CoversWhatIsBelowItAndNoSibling) {
  const ObjectPrefix prefix = *ObjectPrefix::parse("a/b/");
  EXPECT_TRUE(prefix.covers(*ObjectKey::parse("a/b/c")));
  EXPECT_TRUE(prefix.covers(*ObjectPrefix::parse("a/b/c/")));
  EXPECT_TRUE(prefix.covers(prefix));
  EXPECT_FALSE(prefix.covers(*ObjectKey::parse("a/b")));
  EXPECT_FALSE(prefix.covers(*ObjectKey::parse("a/bc/d")));
  EXPECT_FALSE(prefix.covers(*ObjectPrefix::parse("a/")));
}

TEST(ObjectPrefix, NamesOnlyWhatIsBelowIt) {
  const ObjectPrefix prefix = *ObjectPrefix::parse("a/b/");
  EXPECT_EQ(prefix.key("c/d")->text(), "a/b/c/d");
  EXPECT_EQ(prefix.below("c")->text(), "a/b/c/");
  for (const char* name : {"", "/c", "../c", "c/../../d", "c//d", "c/", "c\\d"}) {
    EXPECT_FALSE(prefix.key(name).ok()) << name;
    EXPECT_FALSE(prefix.below(name).ok()) << name;
  }
}

}  // namespace
}  // namespace weir::storage
