// SPDX-License-Identifier: Apache-2.0
#include "server/auth/crypto.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/sha256.h"

namespace weir::auth {
namespace {

TEST(Crypto, GivesTheDigestOfTheStandard) {
  const base::Digest digest = base::sha256("abc");  // FIPS 180-4
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[1], 0x78);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(Crypto, ComparesWholeDigests) {
  const base::Digest one = base::sha256("one");
  EXPECT_TRUE(equal_in_constant_time(one, one));
  for (std::size_t at = 0; at < one.size(); ++at) {
    base::Digest other = one;
    other[at] ^= 1;
    EXPECT_FALSE(equal_in_constant_time(one, other)) << at;
  }
}

TEST(Crypto, NeverGivesTheSameBytesTwice) {
  std::set<std::string> seen;
  for (int round = 0; round < 1000; ++round) {
    const auto bytes = secret_bytes(32);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(bytes->size(), 32U);
    EXPECT_TRUE(seen.insert(*bytes).second);
  }
}

TEST(Crypto, WipesWhatItIsGiven) {
  std::string text = "secret";
  wipe(text);
  EXPECT_EQ(text, std::string(6, '\0'));
}

}  // namespace
}  // namespace weir::auth
