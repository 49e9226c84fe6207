// SPDX-License-Identifier: Apache-2.0
#include "base/blake3.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

namespace weir::base {
namespace {

std::string input_of(std::size_t length) {
  std::string input;
  for (std::size_t at = 0; at < length; ++at) input += static_cast<char>(at % 251);
  return input;
}

TEST(Blake3, GivesTheOfficialVectorsWithTheirExtendedOutput) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/data/blake3-vectors.txt");
  std::size_t length = 0;
  std::string expected;
  int count = 0;
  while (file >> length >> expected) {
    std::array<std::uint8_t, 131> output{};
    Blake3().update(input_of(length)).finish(output);
    EXPECT_EQ(to_hex(output), expected) << length;
    EXPECT_EQ(blake3_hex(input_of(length)), expected.substr(0, 64)) << length;
    ++count;
  }
  EXPECT_EQ(count, 35);
}

TEST(Blake3, GivesTheSameForOneInputInPieces) {
  const std::string input = input_of(5000);
  for (const std::size_t piece : {1U, 63U, 64U, 65U, 1023U, 1024U, 1025U}) {
    Blake3 hash;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      hash.update(std::string_view(input).substr(at, piece));
    }
    Digest digest{};
    hash.finish(digest);
    EXPECT_EQ(digest, blake3(input)) << piece;
  }
}

TEST(Blake3, CanBeCopiedAndFinishedInTheMiddle) {
  Blake3 hash;
  hash.update("ab");
  Blake3 copy = hash;
  Digest middle{};
  hash.finish(middle);
  EXPECT_EQ(middle, blake3("ab"));
  Digest whole{};
  hash.update("c").finish(whole);
  EXPECT_EQ(whole, blake3("abc"));
  Digest copied{};
  copy.update("d").finish(copied);
  EXPECT_EQ(copied, blake3("abd"));
}

TEST(Blake3, CutsHexToTheLengthAskedFor) {
  EXPECT_EQ(blake3_hex("", 4), "af1349b9");
  EXPECT_EQ(blake3_hex("", 0), "");
}

TEST(Sha256, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace weir::base
