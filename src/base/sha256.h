// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/blake3.h"

namespace weir::base {

/// SHA-256 (FIPS 180-4); the hex of it is `sha256_hex` in blake3.h.
Digest sha256(std::string_view bytes);

/// The same over bytes given in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& update(std::string_view bytes);
  /// Lower-case hex of the digest. Call once; nothing may be added after it.
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::base
