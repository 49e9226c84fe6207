// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::bench {

/// What a benchmark is told on its command line.
struct Options {
  bool quick = false;
  bool json = false;
  std::string only = {};  ///< section to run alone; empty: all
  std::size_t tasks = 0;  ///< a drain of the queue; 0: as many as the effort says
};

/// What a benchmark takes.
struct OptionsTaken {
  std::string_view program;
  std::span<const std::string_view> sections;
  bool tasks = false;  ///< whether it takes --tasks
};

/// Reads `[--quick] [--only SECTION] [--tasks N] [-o json|text]`; nothing of anything else, which
/// is told on stderr.
std::optional<Options> read_options(const OptionsTaken& taken,
                                    std::span<const std::string> arguments);

}  // namespace weir::bench
