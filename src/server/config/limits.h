// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

// Every bound of this folder, in one place (style guide, rule 25).
namespace weir::server {

inline constexpr std::size_t kConfigFileBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kSecretFileBytesMax = std::size_t{64} << 10;

/// Of a YAML document, aliases expanded.
inline constexpr std::size_t kYamlNodesMax = 100'000;
inline constexpr std::size_t kYamlDepthMax = 32;

/// An unknown key is told the nearest known one if at most this many letters differ, and no more
/// than a third of them.
inline constexpr std::size_t kSuggestionEditsMax = 4;

/// Characters of a wrong value that a fault repeats.
inline constexpr std::size_t kQuotedValueMax = 60;

}  // namespace weir::server
