// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/packed.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/text_pool.h"
#include "tests/unit/base/test_seed.h"

namespace weir::dagmanager {
namespace {

const std::string kName = "blake3:" + std::string(62, 'a') + "09";

std::string packed(const std::string& text) { return std::string(PackedText(text).view()); }

std::string unpacked(const std::string& bytes) { return PackedReader(bytes.data()).text(); }

TEST(Packed, NumbersReadBackAndSmallOnesTakeAByte) {
  std::string bytes;
  PackedWriter writer(bytes);
  const std::vector<std::uint64_t> numbers = {
      0, 1, 127, 128, 300, std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()};
  for (const std::uint64_t number : numbers) writer.number(number);
  PackedReader reader(bytes.data());
  for (const std::uint64_t number : numbers) EXPECT_EQ(reader.number(), number);
  EXPECT_EQ(reader.at(), bytes.data() + bytes.size());
  bytes.clear();
  writer.number(127);
  EXPECT_EQ(bytes.size(), 1U);
}

TEST(Packed, IntegersReadBackInBothDirections) {
  std::string bytes;
  PackedWriter writer(bytes);
  const std::vector<std::int64_t> integers = {0,
                                              -1,
                                              1,
                                              -64,
                                              63,
                                              -1'000'000,
                                              std::numeric_limits<std::int64_t>::min(),
                                              std::numeric_limits<std::int64_t>::max()};
  for (const std::int64_t integer : integers) writer.integer(integer);
  PackedReader reader(bytes.data());
  for (const std::int64_t integer : integers) EXPECT_EQ(reader.integer(), integer);
  bytes.clear();
  writer.integer(-64);
  EXPECT_EQ(bytes.size(), 1U);
}

TEST(Packed, ANameOfADigestTakesHalf) {
  EXPECT_EQ(packed(kName).size(), 33U);
  EXPECT_EQ(unpacked(packed(kName)), kName);
  EXPECT_EQ(unpacked(packed(kName + "|strategy")), kName + "|strategy");
}

TEST(Packed, TextsThatOnlyLookLikeANameStayAsTheyAre) {
  const std::string upper = "blake3:" + std::string(64, 'A');
  const std::string other = "blake2:" + std::string(64, 'a');
  const std::string cut = kName.substr(0, kName.size() - 1);
  for (const std::string& text : {upper, other, cut, cut + "g", std::string(), std::string("id-a")})
    EXPECT_EQ(unpacked(packed(text)), text);
}

TEST(Packed, EveryTextReadsBackAndNoTwoPackAlike) {
  base::SeededRandom random(base::test_seed(11));
  std::map<std::string, std::string> seen;  // by bytes
  for (int round = 0; round < 4000; ++round) {
    std::string text = random.chance(50) ? kName.substr(0, random.below(kName.size() + 1)) : "";
    for (std::uint64_t left = random.below(4); left > 0; --left) {
      text += static_cast<char>(random.below(256));
    }
    const std::string bytes = packed(text);
    ASSERT_EQ(unpacked(bytes), text);
    ASSERT_EQ(PackedReader(bytes.data()).packed_text(), bytes);
    ASSERT_EQ(seen.try_emplace(bytes, text).first->second, text);
  }
}

TEST(ByteArena, PiecesKeepTheirBytesAndAreTakenAgain) {
  base::SeededRandom random(base::test_seed(12));
  ByteArena arena;
  std::vector<std::pair<char*, std::string>> held;
  for (int round = 0; round < 5000; ++round) {
    if (!held.empty() && random.chance(40)) {
      const std::size_t which = random.below(held.size());
      arena.give_back(held[which].first, held[which].second.size());
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      const std::size_t size = random.chance(2) ? 40'000 : 1 + random.below(300);
      const std::string bytes(size, static_cast<char>('a' + random.below(26)));
      char* piece = arena.keep(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % 8, 0U);
      held.emplace_back(piece, bytes);
    }
    for (const auto& [piece, bytes] : held) {
      ASSERT_EQ(std::memcmp(piece, bytes.data(), bytes.size()), 0);
    }
  }
  char* piece = arena.take(17);
  arena.give_back(piece, 17);
  EXPECT_EQ(arena.take(24), piece) << "both take 24";
}

TEST(TextPool, KeepsATextOnce) {
  TextPool pool;
  const TextId first = pool.id_of("a");
  EXPECT_EQ(pool.id_of(""), 0U);
  EXPECT_EQ(pool.text(0), "");
  const TextId second = pool.id_of("b");
  EXPECT_NE(first, second);
  const std::size_t bytes = pool.resident_bytes();
  EXPECT_EQ(pool.id_of("a"), first);
  EXPECT_EQ(pool.resident_bytes(), bytes);
  EXPECT_EQ(pool.text(first), "a");
  EXPECT_EQ(pool.find("b"), second);
  EXPECT_EQ(pool.find(""), TextId{0});
  EXPECT_EQ(pool.find("c"), std::nullopt);
}

}  // namespace
}  // namespace weir::dagmanager
