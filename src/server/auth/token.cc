// SPDX-License-Identifier: Apache-2.0
#include "server/auth/token.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "server/auth/limits.h"

namespace weir::auth {
namespace {

using std::chrono::seconds;

/// What people read; the word beside it is what machines read.
struct FaultText {
  std::string_view word;
  std::string_view text;
};

constexpr std::array<FaultText, 14> kFaultTexts = {{
    {"token_too_long", "the token is longer than 8 KiB"},
    {"token_malformed", "the token is no signed token in compact form"},
    {"token_header", "the token's header has other members than alg, kid and typ"},
    {"token_algorithm", "the token is not signed with ES256"},
    {"token_type", "the token is of another kind"},
    {"token_key_id", "the token's header names no key"},
    {"token_key_unknown", "the token is signed by a key that is not known here"},
    {"token_signature", "the token's signature does not belong to it"},
    {"token_claim", "a claim of the token is missing or malformed"},
    {"token_issuer", "the token is of another issuer"},
    {"token_audience", "the token is for another audience"},
    {"token_expired", "the token's time is over"},
    {"token_not_yet_valid", "the token's time has not come"},
    {"token_life", "the token is made to live longer than is allowed"},
}};
static_assert(kFaultTexts.size() == static_cast<std::size_t>(TokenFault::LivesTooLong) + 1);

const FaultText& text_of(TokenFault fault) {
  return kFaultTexts.at(static_cast<std::size_t>(fault));
}

/// The three parts as they stand in the token.
struct Parts {
  std::string_view signed_text;  ///< header and payload with the dot between
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

std::optional<Parts> split_token(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return Parts{.signed_text = token.substr(0, second),
               .header = token.substr(0, first),
               .payload = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1)};
}

/// An object whose names are all different: the last of two would count here, the first elsewhere.
std::optional<JsonDocument> read_object(std::string_view encoded, std::size_t bytes_max) {
  const std::optional<std::string> text = base::decode_base64url(encoded);
  if (!text) return std::nullopt;
  auto document = JsonDocument::parse(*text, {.depth_max = kTokenDepthMax, .bytes_max = bytes_max});
  if (!document.ok() || !document->root().is_object()) return std::nullopt;
  std::vector<std::string_view> names;
  for (const JsonValue member : document->root()) names.push_back(member.key());
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) return std::nullopt;
  return *std::move(document);
}

/// RFC 7515 section 4.1.9: `application/` may be left out of a media type.
bool is_type(std::string_view given, std::string_view wanted) {
  constexpr std::string_view kPrefix = "application/";
  const std::string lower = base::lower_ascii(given);
  std::string_view bare = lower;
  if (bare.starts_with(kPrefix)) bare.remove_prefix(kPrefix.size());
  return bare == base::lower_ascii(wanted);
}

std::optional<TokenFault> fault_of_header(JsonValue header, const TokenExpectations& expected) {
  for (const JsonValue member : header) {
    const std::string_view name = member.key();
    if ((name != "alg" && name != "kid" && name != "typ") || !member.is_text()) {
      return TokenFault::BadHeader;
    }
  }
  if (header.find("alg").text() != "ES256") return TokenFault::WrongAlgorithm;
  const JsonValue type = header.find("typ");
  const bool fits =
      type.missing() ? expected.type_optional
                     : std::any_of(expected.types.begin(), expected.types.end(),
                                   [&](std::string_view one) { return is_type(type.text(), one); });
  if (!fits) return TokenFault::WrongType;
  const std::string_view id = header.find("kid").text();
  if (id.empty() || id.size() > kWordBytesMax) return TokenFault::NoKeyId;
  return std::nullopt;
}

/// `aud` is one text or a list of texts (RFC 7519 section 4.1.3).
std::optional<TokenFault> fault_of_audience(JsonValue claim, std::string_view wanted) {
  if (claim.is_text()) {
    return claim.text() == wanted ? std::nullopt : std::optional(TokenFault::WrongAudience);
  }
  if (!claim.is_array() || claim.size() == 0 || claim.size() > kAudiencesMax) {
    return TokenFault::BadClaim;
  }
  bool found = false;
  for (const JsonValue one : claim) {
    if (!one.is_text()) return TokenFault::BadClaim;
    found = found || one.text() == wanted;
  }
  return found ? std::nullopt : std::optional(TokenFault::WrongAudience);
}

struct ClaimFault {
  TokenFault fault;
  std::string_view claim;
};

std::optional<ClaimFault> fault_of_times(JsonValue claims, Duration life_max, Instant now) {
  const std::optional<Instant> expires = read_seconds(claims.find("exp"));
  if (!expires) return ClaimFault{TokenFault::BadClaim, "exp"};
  const std::optional<Instant> issued = read_seconds(claims.find("iat"));
  const bool needs_issued = life_max > Duration::zero() || !claims.find("iat").missing();
  if (needs_issued && !issued) return ClaimFault{TokenFault::BadClaim, "iat"};
  const std::optional<Instant> begins = read_seconds(claims.find("nbf"));
  if (!claims.find("nbf").missing() && !begins) return ClaimFault{TokenFault::BadClaim, "nbf"};
  if (issued && *expires <= *issued) return ClaimFault{TokenFault::LivesTooLong, "exp"};
  if (life_max > Duration::zero() && *expires - *issued > life_max) {
    return ClaimFault{TokenFault::LivesTooLong, "exp"};
  }
  if (now >= *expires + kLeeway) return ClaimFault{TokenFault::Expired, "exp"};
  if (begins && now + kLeeway < *begins) return ClaimFault{TokenFault::NotYetValid, "nbf"};
  if (issued && now + kLeeway < *issued) return ClaimFault{TokenFault::NotYetValid, "iat"};
  return std::nullopt;
}

std::optional<ClaimFault> fault_of_claims(JsonValue claims, const TokenExpectations& expected,
                                          Instant now) {
  const JsonValue issuer = claims.find("iss");
  if (!issuer.is_text()) return ClaimFault{TokenFault::BadClaim, "iss"};
  if (issuer.text() != expected.issuer) return ClaimFault{TokenFault::WrongIssuer, "iss"};
  if (const auto fault = fault_of_audience(claims.find("aud"), expected.audience)) {
    return ClaimFault{*fault, "aud"};
  }
  return fault_of_times(claims, expected.life_max, now);
}

}  // namespace

std::string_view word_of(TokenFault fault) { return text_of(fault).word; }

Error token_refused(std::string_view code, TokenFault fault, std::string_view claim) {
  const FaultText& text = text_of(fault);
  std::string message(text.text);
  if (!claim.empty()) message.append(": ").append(claim);
  std::string path = claim.empty() ? std::string() : "/" + std::string(claim);
  return Error(Code::Unauthenticated, std::string(code), message)
      .with_faults({{.reason = std::string(text.word), .path = std::move(path), .text = message}});
}

std::optional<Instant> read_seconds(JsonValue claim) {
  if (!claim.is_number() || claim.kind() != JsonKind::Integer) return std::nullopt;
  const std::string_view token = claim.text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  if (value < 0 || value > kSecondsMax) return std::nullopt;
  return Instant(seconds(value));
}

std::int64_t seconds_of(Instant instant) {
  return std::chrono::floor<seconds>(instant).time_since_epoch().count();
}

bool is_word(std::string_view text) {
  const auto is_control = [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
  };
  return !text.empty() && text.size() <= kWordBytesMax && std::ranges::none_of(text, is_control);
}

std::optional<std::string> read_word(JsonValue claim) {
  if (!claim.is_text() || !is_word(claim.text())) return std::nullopt;
  return std::string(claim.text());
}

Result<server::Secret> sign_token(std::string_view claims, std::string_view type,
                                  const SigningKey& key) {
  std::string header = R"({"alg":"ES256","kid":)";
  base::append_json_text(header, key.id.view());
  header += R"(,"typ":)";
  base::append_json_text(header, type);
  header += '}';
  std::string token = base::encode_base64url(header) + '.' + base::encode_base64url(claims);
  token += '.' + base::encode_base64url(key.key.sign(token));
  if (token.size() > kTokenBytesMax) {
    return base::invalid_argument("token_too_large", "the token would be longer than 8 KiB");
  }
  return server::Secret(std::move(token));
}

Result<VerifiedToken> verify_token(std::string_view token, const TokenKeys& keys,
                                   const TokenExpectations& expected, Instant now) {
  const auto refused = [&expected](TokenFault fault, std::string_view claim = {}) {
    return token_refused(expected.refusal, fault, claim);
  };
  if (token.size() > kTokenBytesMax) return refused(TokenFault::TooLong);
  const std::optional<Parts> parts = split_token(token);
  if (!parts) return refused(TokenFault::Malformed);
  const auto header = read_object(parts->header, kTokenHeaderBytesMax);
  if (!header) return refused(TokenFault::Malformed);
  if (const auto fault = fault_of_header(header->root(), expected)) return refused(*fault);
  const std::optional<std::string> signature = base::decode_base64url(parts->signature);
  if (!signature) return refused(TokenFault::Malformed);

  KeyId id(header->root().find("kid").text());
  const Result<PublicKey> key = keys.find(id);
  if (!key.ok()) {
    if (key.error().code() == Code::NotFound) return refused(TokenFault::UnknownKey);
    return key.error();
  }
  if (!key->verifies(parts->signed_text, *signature)) return refused(TokenFault::BadSignature);
  // Only what one of our own issuers signed is read at all.
  auto claims = read_object(parts->payload, kTokenBytesMax);
  if (!claims) return refused(TokenFault::Malformed);
  if (const auto fault = fault_of_claims(claims->root(), expected, now)) {
    return refused(fault->fault, fault->claim);
  }
  return VerifiedToken{.signed_by = std::move(id), .claims = *std::move(claims)};
}

}  // namespace weir::auth
