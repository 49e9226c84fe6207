// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/blake3.h"
#include "base/result.h"

namespace weir::auth {

/// Whether both are the same, in a time that does not tell where they differ.
bool equal_in_constant_time(const base::Digest& one, const base::Digest& other);

/// Bytes fit for a key, from OpenSSL's private generator: the port Random makes names and jitter,
/// not secrets. UNAVAILABLE `randomness_unavailable` if the machine has none to give.
Result<std::string> secret_bytes(std::size_t count);

/// Overwrites a text that was a secret.
void wipe(std::string& text);

}  // namespace weir::auth
