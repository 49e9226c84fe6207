// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace weir::base {

/// The seed of a random test: WEIR_TEST_SEED where it is set, else `usual`. Printed, so that a
/// failure can be had again.
inline std::uint64_t test_seed(std::uint64_t usual) {
  const char* const given = std::getenv("WEIR_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr && *given != '\0' ? std::strtoull(given, nullptr, 10) : usual;
  std::cout << "WEIR_TEST_SEED=" << seed << '\n';
  return seed;
}

}  // namespace weir::base
