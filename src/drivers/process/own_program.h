// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weir::process {

/// The path of the running program, to start it again; where /proc is not mounted, the one it was
/// started by, seen from the folder that the process is in now.
std::string own_program();

}  // namespace weir::process
