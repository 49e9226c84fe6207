// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/random.h"

namespace weir::base {
namespace {

TEST(Base64, GivesTheVectorsOfTheRfc) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(encode_base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, DecodesWhatItEncodedWhateverTheLength) {
  SeededRandom random(7);
  for (std::size_t length = 0; length < 100; ++length) {
    std::string bytes;
    for (std::size_t at = 0; at < length; ++at) bytes += static_cast<char>(random.below(256));
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes) << length;
  }
}

TEST(Base64, SkipsBlanksAndLineEnds) {
  EXPECT_EQ(decode_base64("  Zm9v\r\nYm\tFy \n"), "foobar");
  EXPECT_EQ(decode_base64(" \n"), "");
}

TEST(Base64, RefusesWhatIsNotStandardBase64) {
  EXPECT_FALSE(decode_base64("Zg"));        // padding is missing
  EXPECT_FALSE(decode_base64("Zg="));       // half of it is
  EXPECT_FALSE(decode_base64("Zm9v="));     // there is too much
  EXPECT_FALSE(decode_base64("Zm8=="));     // likewise
  EXPECT_FALSE(decode_base64("Zg==="));     // likewise
  EXPECT_FALSE(decode_base64("Zg==Zg=="));  // something follows the end
  EXPECT_FALSE(decode_base64("Z==="));      // one digit is no byte
  EXPECT_FALSE(decode_base64("===="));      // nor is none
  EXPECT_FALSE(decode_base64("Zm9v!"));     // not a digit
  EXPECT_FALSE(decode_base64("Zm-_"));      // the alphabet for URLs
  EXPECT_FALSE(decode_base64("Zh=="));      // bits that stand for nothing
  EXPECT_FALSE(decode_base64(R"({"a":1})"));
}

TEST(Base64Url, GivesTheVectorsOfTheRfcWithoutPadding) {
  EXPECT_EQ(encode_base64url(""), "");
  EXPECT_EQ(encode_base64url("f"), "Zg");
  EXPECT_EQ(encode_base64url("fo"), "Zm8");
  EXPECT_EQ(encode_base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64url("\xff\xef\xbe"), "_---");
  EXPECT_EQ(decode_base64url("_---"), "\xff\xef\xbe");
}

TEST(Base64Url, HasOneTextForEachByteString) {
  SeededRandom random(11);
  for (std::size_t length = 0; length < 100; ++length) {
    std::string bytes;
    for (std::size_t at = 0; at < length; ++at) bytes += static_cast<char>(random.below(256));
    const std::string text = encode_base64url(bytes);
    EXPECT_EQ(decode_base64url(text), bytes) << length;
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string other = text;
      other[at] = other[at] == 'A' ? 'B' : 'A';
      EXPECT_NE(decode_base64url(other), bytes) << length;
    }
  }
}

TEST(Base64Url, RefusesPaddingBlanksForeignDigitsAndStrayBits) {
  for (const char* text :
       {"Zg==", "Z", "Zm9vY", "Zm 8", "Zm8\n", "+---", "/---", "Zm9v.", "Zh", "Zm9", "Zm\x80v"}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
  EXPECT_EQ(decode_base64url(std::string_view("Zg\0A", 4)), std::nullopt);
}

}  // namespace
}  // namespace weir::base
