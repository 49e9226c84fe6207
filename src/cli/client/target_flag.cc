// SPDX-License-Identifier: Apache-2.0
#include "cli/client/target_flag.h"

namespace weir::cli {

void add_target_flag(CLI::App& command, std::string& target) {
  command.add_option("--target", target, "Address of the DAG manager")
      ->capture_default_str()
      ->envname("WEIR_TARGET")
      ->type_name("HOST:PORT");
}

}  // namespace weir::cli
