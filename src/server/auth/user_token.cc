// SPDX-License-Identifier: Apache-2.0
#include "server/auth/user_token.h"

#include <optional>
#include <utility>

#include "server/auth/token.h"

namespace weir::auth {
namespace {

constexpr std::string_view kType = "JWT";

}  // namespace

Result<PrincipalKey> verify_user_token(std::string_view token, const TokenKeys& keys,
                                       const UserTokenIssuer& trusted, Instant now) {
  // Identity providers write `JWT`, `at+jwt` (RFC 9068) or nothing, and choose the life themselves.
  const TokenExpectations expected = {.issuer = trusted.issuer,
                                      .audience = trusted.audience,
                                      .types = {kType, "at+jwt"},
                                      .type_optional = true,
                                      .life_max = Duration::zero(),
                                      .refusal = kUnauthenticated};
  WEIR_TRY(VerifiedToken verified, verify_token(token, keys, expected, now));
  std::optional<std::string> subject = read_word(verified.claims.root().find("sub"));
  if (!subject) return token_refused(kUnauthenticated, TokenFault::BadClaim, "sub");
  return PrincipalKey{.issuer = trusted.issuer, .subject = *std::move(subject)};
}

Result<server::Secret> sign_user_token(const UserClaims& claims, const SigningKey& key) {
  std::string text = R"({"iss":)";
  base::append_json_text(text, claims.user.issuer);
  text += R"(,"aud":)";
  base::append_json_text(text, claims.audience);
  text += R"(,"sub":)";
  base::append_json_text(text, claims.user.subject);
  text += R"(,"jti":)";
  base::append_json_text(text, claims.jti);
  text += R"(,"iat":)" + std::to_string(seconds_of(claims.issued_at));
  text += R"(,"exp":)" + std::to_string(seconds_of(claims.expires_at)) + '}';
  return sign_token(text, kType, key);
}

}  // namespace weir::auth
