// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_file.h"

#include <utility>

#include "server/auth/secret_file.h"

namespace weir::auth {

Result<void> write_key_file(const std::filesystem::path& path, const SigningKey& key) {
  return write_secret_file(path, key.key.pem(), kOwnerReads);
}

Result<SigningKey> read_key_file(const std::filesystem::path& path) {
  WEIR_TRY(const server::Secret pem, read_secret_file(path));
  Result<PrivateKey> key = PrivateKey::from_pem(pem);
  if (!key.ok()) return std::move(key).error().prepend("read the key " + path.string());
  return named_by_thumbprint(*std::move(key));
}

Result<SigningKey> read_or_make_key_file(const std::filesystem::path& path) {
  Result<SigningKey> kept = read_key_file(path);
  if (kept.ok() || kept.error().reason() != "file_missing") return kept;
  WEIR_TRY(const SigningKey made, new_signing_key());
  const Result<void> placed = place_secret_file(path, made.key.pem(), kOwnerReads);
  if (!placed.ok() && placed.error().reason() != "file_exists") return placed.error();
  return read_key_file(path);
}

}  // namespace weir::auth
