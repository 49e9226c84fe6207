// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::base {
namespace {

TEST(Trim, CutsEveryWhiteSpaceOfTheContractAtBothEnds) {
  const std::vector<std::string> blanks = {
      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",   "\x1e",
      "\x1f",   " ",      "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
      "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
      "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
  };
  for (const std::string& blank : blanks) {
    EXPECT_EQ(trim(blank + "a" + blank), "a");
    EXPECT_EQ(trim(blank + blank), "");
    EXPECT_EQ(trim("a" + blank + "b"), "a" + blank + "b");
  }
}

TEST(Trim, LeavesWhatOnlyLooksBlank) {
  for (const std::string& text :
       {std::string("\u200b"), std::string("\ufeff"), std::string("\x01"), std::string("\u180e"),
        std::string("\x1b"), std::string(1, '\0')}) {
    EXPECT_EQ(trim(text), text);
  }
}

TEST(Trim, TakesBrokenUtf8AsItIs) {
  EXPECT_EQ(trim(" \x80\x80 "), "\x80\x80");
  EXPECT_EQ(trim("a\xe2\x80"), "a\xe2\x80");
  EXPECT_EQ(trim("\xa0"), "\xa0");
  EXPECT_EQ(trim(""), "");
}

TEST(LowerAscii, ChangesAsciiLettersOnly) { EXPECT_EQ(lower_ascii("AZaz09[@`{É"), "azaz09[@`{É"); }

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
}

TEST(Join, PutsTheSeparatorBetweenAlsoOfEqualParts) {
  EXPECT_EQ(join({}, ","), "");
  EXPECT_EQ(join({"a"}, ","), "a");
  EXPECT_EQ(join({"a", "a", ""}, ", "), "a, a, ");
}

TEST(VersionLabel, ReplacesOneCharacterByOneDash) {
  EXPECT_EQ(version_label("rel/2025.09"), "rel-2025.09");
  EXPECT_EQ(version_label("a😀b"), "a-b");
  EXPECT_EQ(version_label("a버전b"), "a--b");
  EXPECT_EQ(version_label(" ..v1.2_ "), "v1.2");
}

TEST(VersionLabel, FallsBackToTheFirstVersion) {
  for (const char* text : {"", "  ", "-_.", "버전"}) EXPECT_EQ(version_label(text), "v1") << text;
}

TEST(NamespaceSegment, LowersAsciiAndCutsOuterMarks) {
  EXPECT_EQ(namespace_segment("  _World 1.a/B-  "), "world-1-a-b");
  EXPECT_EQ(namespace_segment("a_b"), "a_b");
  EXPECT_EQ(namespace_segment("***"), "");
}

// The client keeps letters beyond ASCII, so such a namespace must be seen as what it is.
TEST(NamespaceSegment, KeepsLettersBeyondAsciiAndNothingElseOfIt) {
  EXPECT_EQ(namespace_segment("wörld"), "wörld");
  EXPECT_EQ(namespace_segment("월드"), "월드");
  EXPECT_EQ(namespace_segment("w–1"), "w-1");
  EXPECT_EQ(namespace_segment("🚀w1"), "w1");
}

TEST(Namespace, JoinsTwoSegmentsOrIsEmpty) {
  EXPECT_EQ(make_namespace("W1", "Live"), "w1.live");
  EXPECT_EQ(make_namespace("w1", ""), "");
  EXPECT_EQ(make_namespace("-", "live"), "");
  EXPECT_EQ(namespace_from_text("..A..b c."), "a.b-c");
  EXPECT_EQ(namespace_from_text("..."), "");
}

TEST(PercentEncode, KeepsOnlyWhatIsUnreserved) {
  EXPECT_EQ(percent_encode("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(percent_encode("a/b ?\xC3\xA9%"), "a%2Fb%20%3F%C3%A9%25");
}

TEST(IsUtf8, RefusesWhatIsNotWellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("aé€😀"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
  EXPECT_TRUE(is_ascii("az\x7f"));
  EXPECT_FALSE(is_ascii("é"));
}

}  // namespace
}  // namespace weir::base
