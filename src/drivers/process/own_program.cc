// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/own_program.h"

#include <sys/auxv.h>

#include <filesystem>
#include <system_error>

namespace weir::process {

std::string own_program() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) return path.string();
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands the address over as a number.
  const char* const started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return std::filesystem::absolute(started, error).string();
}

}  // namespace weir::process
