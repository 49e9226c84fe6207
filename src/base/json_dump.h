// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weir::base {

/// A JSON tree of nlohmann's as one line. Bytes that are no UTF-8 become replacement characters:
/// the words of an operator, a path or a database may hold them, and dump() alone would throw.
template <class Tree>
std::string dump_json(const Tree& tree) {
  return tree.dump(-1, ' ', false, Tree::error_handler_t::replace);
}

}  // namespace weir::base
