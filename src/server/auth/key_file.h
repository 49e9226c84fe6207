// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"
#include "server/auth/es256.h"

/// A signing key in a file of mode 0400: PEM PKCS#8 without a password. Its kid is its thumbprint,
/// so the file is all there is to keep.
namespace weir::auth {

/// Errors as write_secret_file.
Result<void> write_key_file(const std::filesystem::path& path, const SigningKey& key);

/// Errors as read_secret_file and PrivateKey::from_pem, with the path.
Result<SigningKey> read_key_file(const std::filesystem::path& path);

/// Reads the key, or makes one if there is no file. Two that do so at once both end with the
/// file's.
Result<SigningKey> read_or_make_key_file(const std::filesystem::path& path);

}  // namespace weir::auth
