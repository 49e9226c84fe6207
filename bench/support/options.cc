// SPDX-License-Identifier: Apache-2.0
#include "bench/support/options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace weir::bench {
namespace {

void print_usage(const OptionsTaken& taken) {
  std::string sections;
  for (const std::string_view section : taken.sections) {
    if (!sections.empty()) sections += '|';
    sections += section;
  }
  std::fprintf(stderr, "usage: %s [--quick] [--only %s]%s [-o json|text]\n",
               std::string(taken.program).c_str(), sections.c_str(),
               taken.tasks ? " [--tasks N]" : "");
}

}  // namespace

std::optional<Options> read_options(const OptionsTaken& taken,
                                    std::span<const std::string> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const std::string* const value = i + 1 < arguments.size() ? &arguments[i + 1] : nullptr;
    if (name == "--quick") {
      options.quick = true;
      continue;
    }
    const long long number = value == nullptr ? 0 : std::atoll(value->c_str());
    if (name == "-o" && value != nullptr) {
      options.json = *value == "json";
    } else if (name == "--tasks" && taken.tasks && number > 0) {
      options.tasks = static_cast<std::size_t>(number);
    } else if (name == "--only" && value != nullptr &&
               std::ranges::find(taken.sections, *value) != taken.sections.end()) {
      options.only = *value;
    } else {
      print_usage(taken);
      return std::nullopt;
    }
    ++i;
  }
  return options;
}

}  // namespace weir::bench
