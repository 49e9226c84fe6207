// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "server/auth/es256.h"

namespace weir::auth {

/// Port: the public keys a verifier trusts. Any thread.
class TokenKeys {
 public:
  virtual ~TokenKeys() = default;

  /// The key of that name. NOT_FOUND `key_unknown`; UNAVAILABLE `unavailable` if the keys could not
  /// be had at all, so that nothing can be said of a token.
  virtual Result<PublicKey> find(const KeyId& id) const = 0;
};

/// Keys that are all at hand. Immutable.
class KeySet final : public TokenKeys {
 public:
  KeySet() = default;
  /// INVALID_ARGUMENT `key_set_invalid` if two have one name, or there are more than kKeysMax.
  static Result<KeySet> of(std::vector<VerifyingKey> keys);

  Result<PublicKey> find(const KeyId& id) const override;
  const std::vector<VerifyingKey>& keys() const { return keys_; }

 private:
  std::vector<VerifyingKey> keys_;
};

/// A public key as a JWK (RFC 7517): kty, crv, x, y, kid, alg, use.
std::string write_jwk(const VerifyingKey& key);
/// `{"keys":[...]}`, what `GET /internal/jwks/task` answers.
std::string write_jwks(std::span<const VerifyingKey> keys);

/// Reads one ES256 key. INVALID_ARGUMENT `key_invalid` if it is of another kind or for another use,
/// carries a private half, has no `kid`, or its point is off the curve.
Result<VerifyingKey> read_jwk(base::JsonValue jwk);
/// Reads a set of at most 64 KiB. Keys of other kinds and uses are passed over, as RFC 7517 section
/// 5 wants it; a bad key of ours refuses the whole set: INVALID_ARGUMENT `key_invalid` or
/// `key_set_invalid`.
Result<KeySet> read_jwks(std::string_view text);

}  // namespace weir::auth
