// SPDX-License-Identifier: Apache-2.0
#include "base/crc32.h"

#include <zlib.h>

namespace weir::base {

std::uint32_t crc32(std::uint32_t crc, std::string_view bytes) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer as "give the start value"
  return static_cast<std::uint32_t>(
      ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace weir::base
