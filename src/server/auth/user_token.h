// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/config/secret.h"

/// The user JWT (section 3.1): it says who somebody is, and nothing else of it is believed. Org and
/// role come from the database, by the key read here.
namespace weir::auth {

inline constexpr std::string_view kUnauthenticated = "unauthenticated";

/// The key of a row of `users`: who, by whose word.
struct PrincipalKey {
  std::string issuer;
  std::string subject;

  friend bool operator==(const PrincipalKey&, const PrincipalKey&) = default;
};

/// Whose tokens are taken, and for whom they must be.
struct UserTokenIssuer {
  std::string issuer;
  std::string audience;
};

/// Who a token is of. UNAUTHENTICATED `unauthenticated` if it does not hold; UNAVAILABLE if the
/// keys could not be had. A capability token is none, whoever signed it.
Result<PrincipalKey> verify_user_token(std::string_view token, const TokenKeys& keys,
                                       const UserTokenIssuer& trusted, Instant now);

/// What a user token of our own issuer says.
struct UserClaims {
  PrincipalKey user;
  std::string audience;
  std::string jti;
  Instant issued_at;
  Instant expires_at;
};

/// Signs it; errors as sign_token.
Result<server::Secret> sign_user_token(const UserClaims& claims, const SigningKey& key);

}  // namespace weir::auth
