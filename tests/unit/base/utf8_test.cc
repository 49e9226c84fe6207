// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/text.h"

namespace weir::base {
namespace {

TEST(Utf8, DecodesEveryCharacterItEncodes) {
  for (char32_t character = 0; character <= 0x10ffff; ++character) {
    if (character == 0xd800) character = 0xe000;  // surrogates are no characters
    std::array<char, 4> bytes{};
    const std::string_view text(bytes.data(), encode_utf8(character, bytes.data()));
    std::size_t at = 0;
    ASSERT_EQ(next_character(text, at), character);
    ASSERT_EQ(at, text.size());
    ASSERT_EQ(first_bad_utf8(text), text.size());
    ASSERT_TRUE(is_utf8(text));
  }
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(first_bad_utf8("ab\xff"), 2U);
  EXPECT_EQ(first_bad_utf8("é\xe2\x82"), 2U);         // cut short
  EXPECT_EQ(first_bad_utf8("\xc1\xbf"), 0U);          // overlong
  EXPECT_EQ(first_bad_utf8("\xe0\x9f\xbf"), 0U);      // overlong
  EXPECT_EQ(first_bad_utf8("\xf0\x8f\xbf\xbf"), 0U);  // overlong
  EXPECT_EQ(first_bad_utf8("a\xed\xbf\xbf"), 1U);     // a surrogate
  EXPECT_EQ(first_bad_utf8("\xf4\x90\x80\x80"), 0U);  // beyond Unicode
  EXPECT_EQ(first_bad_utf8("\xf5\x80\x80\x80"), 0U);  // no lead byte
}

TEST(Utf8, StepsOverABadByteByOne) {
  std::size_t at = 0;
  EXPECT_EQ(next_character("\xe2\x82z", at), U'\ufffd');
  EXPECT_EQ(at, 1U);
}

TEST(Utf8, CountsLinesAndCharactersForAPlace) {
  const std::string text = "é\n€b";
  EXPECT_EQ(text_position(text, 0).column, 1U);
  EXPECT_EQ(text_position(text, 3).line, 2U);
  EXPECT_EQ(text_position(text, 3).column, 1U);
  EXPECT_EQ(text_position(text, 6).column, 2U);
  EXPECT_EQ(text_position(text, 99).column, 3U);
}

TEST(Letters, FollowUnicode) {
  for (const char32_t letter : {U'a', U'Z', U'0', U'9', U'ª', U'é', U'ß', U'Ω', U'ж', U'א', U'가',
                                U'漢', U'〇', U'²', U'½', U'Ⅷ', U'٣', U'𝒜', U'\U0003134a'}) {
    EXPECT_TRUE(is_letter_or_digit(letter)) << static_cast<unsigned>(letter);
  }
  for (const char32_t other :
       {U'_', U'-', U'@', U'[', U'{', U'/', U':', U'\u0080', U'×', U'–', U'€', U'\u0301', U'、',
        U'😀', U'\ue000', U'\U0003134b', U'\U0010ffff'}) {
    EXPECT_FALSE(is_letter_or_digit(other)) << static_cast<unsigned>(other);
  }
}

}  // namespace
}  // namespace weir::base
