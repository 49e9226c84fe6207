// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong_text.h"
#include "server/config/secret.h"

struct evp_pkey_st;    // OpenSSL's EVP_PKEY
struct evp_md_ctx_st;  // and EVP_MD_CTX

/// ES256 (RFC 7518 section 3.4): ECDSA over P-256 with SHA-256, by OpenSSL. There is no other
/// algorithm here, so no header can ask for one.
namespace weir::auth {

/// `kid`: which key of a set signed.
using KeyId = base::StrongText<struct KeyIdTag>;

/// A point of P-256 that verifies. Cheap to copy; immutable; any thread.
class PublicKey {
 public:
  /// From the big-endian coordinates, 32 bytes each. INVALID_ARGUMENT `key_invalid` if they are no
  /// point of the curve.
  static Result<PublicKey> from_point(std::string_view x, std::string_view y);

  /// The coordinates, 32 bytes each.
  const std::string& x() const { return x_; }
  const std::string& y() const { return y_; }

  /// Whether `signature` (r and s, 64 bytes) is this key's over `message`. False for every other
  /// form, DER among them.
  bool verifies(std::string_view message, std::string_view signature) const;

  /// RFC 7638: what the key itself says its name is.
  KeyId thumbprint() const;

 private:
  friend class PrivateKey;
  PublicKey() = default;

  std::shared_ptr<evp_pkey_st> key_;
  std::string x_;
  std::string y_;
};

/// A key of P-256 that signs. Cheap to copy; immutable; any thread. Never printed: only `pem` hands
/// it out, as a Secret.
class PrivateKey {
 public:
  /// A new key. UNAVAILABLE `randomness_unavailable` if the machine has no randomness to give.
  static Result<PrivateKey> generate();
  /// From PEM PKCS#8 without a password. INVALID_ARGUMENT `key_invalid` if it is none of P-256, or
  /// its halves do not belong together. The message shows nothing of it.
  static Result<PrivateKey> from_pem(const server::Secret& pem);

  server::Secret pem() const;
  const PublicKey& public_key() const { return public_key_; }

  /// r and s, 64 bytes.
  std::string sign(std::string_view message) const;

 private:
  PrivateKey() = default;
  static Result<PrivateKey> from_pair(std::shared_ptr<evp_pkey_st> pair);

  std::shared_ptr<evp_pkey_st> key_;
  /// Ready to sign with it, and only copied: to make one costs a fifth of a signature.
  std::shared_ptr<const evp_md_ctx_st> ready_;
  PublicKey public_key_;
};

/// A key with the name under which its public half is published.
struct SigningKey {
  KeyId id;
  PrivateKey key;
};
struct VerifyingKey {
  KeyId id;
  PublicKey key;
};

/// A new key, named by its thumbprint.
Result<SigningKey> new_signing_key();
SigningKey named_by_thumbprint(PrivateKey key);

}  // namespace weir::auth
