// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/wire.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace weir::postgres::wire {
namespace {

TEST(Wire, ReadsWhatItAppends) {
  std::string buffer;
  append(buffer, std::uint16_t{0x0102});
  append(buffer, std::uint64_t{0x8000'0000'0000'0001});
  ASSERT_EQ(buffer.size(), 10U);
  EXPECT_EQ(buffer[0], '\x01');
  EXPECT_EQ(read<std::uint16_t>(buffer), 0x0102);
  EXPECT_EQ(read<std::uint64_t>(std::string_view(buffer).substr(2)), 0x8000'0000'0000'0001);
}

TEST(Wire, OverwritesInPlace) {
  std::string buffer = "abcdefgh";
  overwrite(buffer, 2, std::uint32_t{0x41424344});
  EXPECT_EQ(buffer, "abABCDgh");
}

}  // namespace
}  // namespace weir::postgres::wire
