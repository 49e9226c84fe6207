// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

/// CRC-32 (IEEE 802.3, as zlib) of `bytes`, continuing from `crc`; start with 0.
std::uint32_t crc32(std::uint32_t crc, std::string_view bytes);

}  // namespace weir::base
