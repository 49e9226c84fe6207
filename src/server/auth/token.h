// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/config/secret.h"

/// Signed tokens: JWS compact (RFC 7515) with JWT claims (RFC 7519), ES256 only. What a key is for
/// stands in the key, so `alg` of a header can only be right or refused. A header has alg, kid, typ
/// and nothing else.
namespace weir::auth {

/// Why a token is refused. Its word stands as the reason of the error's one fault; tests and the
/// audit see it, and a caller may.
enum class TokenFault : std::uint8_t {
  TooLong,    ///< more than 8 KiB
  Malformed,  ///< not three parts of base64url, or not JSON objects with single names
  BadHeader,  ///< another member than alg, kid, typ, or one that is no text
  WrongAlgorithm,
  WrongType,  ///< a token of another kind
  NoKeyId,
  UnknownKey,
  BadSignature,
  BadClaim,  ///< a claim is missing or of the wrong type
  WrongIssuer,
  WrongAudience,
  Expired,
  NotYetValid,   ///< `nbf` or `iat` is ahead
  LivesTooLong,  ///< exp - iat is more than allowed, or not positive
};
std::string_view word_of(TokenFault fault);

/// What one kind of token must say.
struct TokenExpectations {
  std::string issuer;
  std::string audience;
  std::vector<std::string_view> types;  ///< `typ`, one of these; letters of either case
  bool type_optional = false;           ///< may be left out
  Duration life_max{};                  ///< of exp - iat, which then is needed; zero: no bound
  std::string_view refusal;             ///< the code of every refusal on the wire (section 3.7)
};

struct VerifiedToken {
  KeyId signed_by;
  JsonDocument claims;  ///< an object with single names
};

/// Signs claims, a JSON object. INVALID_ARGUMENT `token_too_large` if the token would pass 8 KiB.
Result<server::Secret> sign_token(std::string_view claims, std::string_view type,
                                  const SigningKey& key);

/// The claims of a token that is whole, signed by one of the keys, and good for `now`. Otherwise
/// UNAUTHENTICATED with the expectations' code, one TokenFault as its fault, and nothing of the
/// token in any text; or UNAVAILABLE if the keys could not be had.
Result<VerifiedToken> verify_token(std::string_view token, const TokenKeys& keys,
                                   const TokenExpectations& expected, Instant now);

/// The refusal itself, for readers of claims. `claim` names the claim at fault, empty for none.
Error token_refused(std::string_view code, TokenFault fault, std::string_view claim = {});

/// A claim of time in whole seconds since 1970, up to the year 9999; nothing if it is no such.
std::optional<Instant> read_seconds(JsonValue claim);
std::int64_t seconds_of(Instant instant);

/// Whether a text is of 1...256 bytes without control characters.
bool is_word(std::string_view text);
/// A text claim that is such a word; nothing if it is none.
std::optional<std::string> read_word(JsonValue claim);

}  // namespace weir::auth
