// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "server/auth/crypto.h"
#include "server/config/secret.h"

/// The worker token (section 3.1): 32 random bytes as base64url, by which wrappers and roles enter
/// `/internal/*`. Only its SHA-256 is stored.
namespace weir::auth {

/// A new token. UNAVAILABLE `randomness_unavailable`.
Result<server::Secret> new_worker_token();

/// What is stored of a token: the SHA-256 of its text. Nothing if the text cannot be a worker
/// token, that is fewer than 32 bytes, or no base64url.
std::optional<base::Digest> worker_token_digest(std::string_view token);

/// One stored token; several are valid at once while one replaces another.
struct StoredWorkerToken {
  std::string name;
  base::Digest sha256{};
  Instant not_before;
  Instant expires_at;
  bool revoked = false;
};

/// The stored token that was presented, a pointer into `stored`. UNAUTHENTICATED
/// `worker_token_invalid` if none is, or it is not valid now. How long it takes tells nothing of
/// what is stored.
Result<const StoredWorkerToken*> check_worker_token(std::string_view presented,
                                                    std::span<const StoredWorkerToken> stored,
                                                    Instant now);

/// Writes the token's file, mode 0400; errors as write_secret_file.
Result<void> write_worker_token(const std::filesystem::path& path, const server::Secret& token);
/// Reads it; errors as read_secret_file, and INVALID_ARGUMENT `file_invalid` if it is no token.
Result<server::Secret> read_worker_token(const std::filesystem::path& path);

}  // namespace weir::auth
