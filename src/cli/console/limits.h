// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of reading files and talking to people (style guide, rule 25).
namespace weir::cli {

/// A file that is read whole. The wire takes requests of 16 MiB; a little more is read so that the
/// server, not we, says what is too much.
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;

/// Progress is shown from here on, and then at doubling distances.
inline constexpr Duration kProgressAfter = std::chrono::seconds(1);

}  // namespace weir::cli
