// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/blake3.h"
#include "base/random.h"

namespace weir::base {
namespace {

TEST(Sha256, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(Sha256().finish_hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256().update("abc").finish_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  SeededRandom random(7);
  std::string bytes(100'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  Sha256 pieces;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = std::min(bytes.size() - at, 1 + random.below(3000));
    pieces.update(std::string_view(bytes).substr(at, length));
    at += length;
  }
  EXPECT_EQ(pieces.finish_hex(), sha256_hex(bytes));
}

}  // namespace
}  // namespace weir::base
