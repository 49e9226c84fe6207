// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/assert.h"

/// Closed sets of words: an enum beside a list of its words, in the order of its enumerators, of
/// which the lowest is number `first`.
namespace weir::base {

/// The enumerator whose word this is.
template <class Enum>
constexpr std::optional<Enum> enum_of(std::span<const std::string_view> words,
                                      std::string_view word, int first = 0) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<Enum>(static_cast<int>(i) + first);
  }
  return std::nullopt;
}

/// The word of an enumerator.
template <class Enum>
constexpr std::string_view word_of(std::span<const std::string_view> words, Enum value,
                                   int first = 0) {
  const auto at = static_cast<std::size_t>(static_cast<int>(value) - first);
  WEIR_ASSERT(at < words.size());
  return words[at];
}

}  // namespace weir::base
