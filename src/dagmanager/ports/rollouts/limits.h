// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every wait and size of reading figures has its bound here.
namespace weir::dagmanager {

/// From asking for a figure to having it (contract section 3.22).
inline constexpr std::chrono::milliseconds kSampleTimeout{5'000};
/// To reach who has it.
inline constexpr std::chrono::milliseconds kSampleConnectTimeout{2'000};
static_assert(kSampleConnectTimeout < kSampleTimeout, "who is reached also has to answer");

/// An answer: one sample with its labels.
inline constexpr std::size_t kSampleBytesMax = std::size_t{256} << 10;

}  // namespace weir::dagmanager
