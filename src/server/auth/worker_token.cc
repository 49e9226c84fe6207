// SPDX-License-Identifier: Apache-2.0
#include "server/auth/worker_token.h"

#include "base/base64.h"
#include "base/sha256.h"
#include "server/auth/limits.h"
#include "server/auth/secret_file.h"

namespace weir::auth {

Result<server::Secret> new_worker_token() {
  WEIR_TRY(std::string bytes, secret_bytes(kWorkerTokenBytes));
  server::Secret token(base::encode_base64url(bytes));
  wipe(bytes);
  return token;
}

std::optional<base::Digest> worker_token_digest(std::string_view token) {
  if (token.size() < kWorkerTokenTextMin || token.size() > kWorkerTokenTextMax ||
      !base::decode_base64url(token)) {
    return std::nullopt;
  }
  return base::sha256(token);
}

Result<const StoredWorkerToken*> check_worker_token(std::string_view presented,
                                                    std::span<const StoredWorkerToken> stored,
                                                    Instant now) {
  const std::optional<base::Digest> digest = worker_token_digest(presented);
  const StoredWorkerToken* found = nullptr;
  for (const StoredWorkerToken& token : stored) {
    const bool valid = !token.revoked && token.not_before <= now && now < token.expires_at;
    const bool same = digest && equal_in_constant_time(*digest, token.sha256);
    if (valid && same) found = &token;
  }
  if (found != nullptr) return found;
  return Error(Code::Unauthenticated, "worker_token_invalid", "the worker token is not valid");
}

Result<void> write_worker_token(const std::filesystem::path& path, const server::Secret& token) {
  return write_secret_file(path, token, kOwnerReads);
}

Result<server::Secret> read_worker_token(const std::filesystem::path& path) {
  WEIR_TRY(server::Secret token, read_secret_file(path));
  if (!worker_token_digest(token.reveal())) {
    return base::invalid_argument("file_invalid", path.string() + " holds no worker token");
  }
  return token;
}

}  // namespace weir::auth
