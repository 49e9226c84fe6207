// SPDX-License-Identifier: Apache-2.0
#include "cli/console/config_faults.h"

#include <string_view>

namespace weir::cli {

std::string config_faults_text(const Error& error) {
  if (error.faults().empty()) return error.describe() + "\n";
  std::string text;
  for (const Fault& fault : error.faults()) {
    std::string_view place = fault.path;
    if (place.starts_with("file ")) place.remove_prefix(5);
    if (!place.empty()) text += std::string(place) + ": ";
    text += fault.reason + ": " + fault.text + "\n";
  }
  return text + error.reason() + ": " + error.message() + "\n";
}

}  // namespace weir::cli
