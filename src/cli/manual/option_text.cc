// SPDX-License-Identifier: Apache-2.0
#include "cli/manual/option_text.h"

namespace weir::cli {

std::string option_usage(const CLI::Option& option) {
  if (option.get_positional()) return option.get_type_name();
  std::string name = option.get_name(false, true);
  for (std::size_t at = name.find(','); at != std::string::npos; at = name.find(',', at + 2)) {
    name.insert(at + 1, " ");
  }
  if (option.get_items_expected_max() > 0) name += " " + option.get_type_name();
  return name;
}

bool option_is_listed(const CLI::Option& option) {
  return !option.get_group().empty() && !option.check_name("--help");
}

}  // namespace weir::cli
