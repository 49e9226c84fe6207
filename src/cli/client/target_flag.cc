// SPDX-License-Identifier: Apache-2.0
#include "cli/client/target_flag.h"

namespace weir::cli {

void add_target_flag(CLI::App& command, std::string& target) {
  command.add_option("--target", target, "Address of the DAG manager")
      ->capture_default_str()
      ->envname("WEIR_TARGET")
      ->type_name("HOST:PORT");
}

void add_its_world_flag(CLI::App& command, std::optional<std::string>& world) {
  command
      .add_option_function<std::string>(
          "--world", [&world](const std::string& given) { world = given; },
          "Its world, '' if it stands in none; without it its only one")
      ->type_name("ID");
}

}  // namespace weir::cli
