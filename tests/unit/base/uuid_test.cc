// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace weir::base {
namespace {

class GivenRandom final : public Random {
 public:
  explicit GivenRandom(std::vector<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}
  std::uint64_t next() override { return numbers_.at(at_++); }

 private:
  std::vector<std::uint64_t> numbers_;
  std::size_t at_ = 0;
};

TEST(Uuid, ReadsWhatItWrites) {
  const std::string text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
  const auto uuid = Uuid::parse(text);
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->text(), text);
  EXPECT_EQ(uuid->bytes[0], 0xf8);
  EXPECT_EQ(uuid->bytes[15], 0xf6);
  EXPECT_EQ(Uuid::parse("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), uuid);
}

TEST(Uuid, RefusesWhatIsNoUuid) {
  for (const char* text :
       {"", "f81d4fae7dec11d0a76500a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf61", "g81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "f81d4fae07dec-11d0-a765-00a0c91e6bf6", "{f81d4fae-7dec-11d0-a765-00a0c91e6b}"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(Uuid, IsNilByDefault) {
  EXPECT_TRUE(Uuid{}.is_nil());
  EXPECT_EQ(Uuid{}.text(), "00000000-0000-0000-0000-000000000000");
  EXPECT_FALSE(kUuidOfDns.is_nil());
}

TEST(Uuid, IsOrderedByItsBytes) {
  EXPECT_LT(*Uuid::parse("00000000-0000-0000-0000-0000000000ff"),
            *Uuid::parse("00000000-0000-0000-0000-000000000100"));
}

TEST(UuidV5, IsWhatRfc9562Gives) {
  // Appendix A.4.
  EXPECT_EQ(uuid_v5(kUuidOfDns, "www.example.com").text(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(UuidV5, IsWhatPythonsManualGives) {
  EXPECT_EQ(uuid_v5(kUuidOfDns, "python.org").text(), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
}

TEST(UuidV7, IsWhatRfc9562Gives) {
  // Appendix A.6: 2022-02-22 19:22:22 UTC, rand_a cc3, rand_b 18c4dc0c0c07398f.
  GivenRandom random({0xcc3, 0x18c4dc0c0c07398fULL});
  const Instant then(std::chrono::milliseconds(0x017f22e279b0));
  EXPECT_EQ(uuid_v7(then, random).text(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

TEST(UuidV7, RisesWithTime) {
  SeededRandom random(7);
  std::set<Uuid> seen;
  Uuid last;
  for (int ms = 0; ms < 1000; ++ms) {
    const Uuid next = uuid_v7(Instant(std::chrono::milliseconds(1'700'000'000'000 + ms)), random);
    EXPECT_LT(last, next);
    EXPECT_TRUE(seen.insert(next).second);
    last = next;
  }
}

}  // namespace
}  // namespace weir::base
