// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_set.h"

#include <optional>
#include <utility>

#include "base/base64.h"
#include "server/auth/limits.h"

namespace weir::auth {
namespace {

Error bad_key(std::string message) {
  return base::invalid_argument("key_invalid", std::move(message));
}

Error set_invalid(std::string message) {
  return base::invalid_argument("key_set_invalid", std::move(message));
}

/// A member that may be left out, but not say something else.
bool absent_or(base::JsonValue value, std::string_view wanted) {
  return value.missing() || (value.is_text() && value.text() == wanted);
}

/// Whether the key is one for verifying ES256; what is not is none of ours to judge.
bool is_ours(base::JsonValue jwk) {
  return jwk.find("kty").is_text() && jwk.find("kty").text() == "EC" && jwk.find("crv").is_text() &&
         jwk.find("crv").text() == "P-256" && absent_or(jwk.find("alg"), "ES256") &&
         absent_or(jwk.find("use"), "sig");
}

bool may_verify(base::JsonValue operations) {
  if (operations.missing()) return true;
  for (const base::JsonValue operation : operations) {
    if (operation.is_text() && operation.text() == "verify") return true;
  }
  return false;
}

std::optional<std::string> coordinate(base::JsonValue value) {
  if (!value.is_text()) return std::nullopt;
  return base::decode_base64url(value.text());
}

}  // namespace

Result<KeySet> KeySet::of(std::vector<VerifyingKey> keys) {
  if (keys.size() > kKeysMax) {
    return set_invalid("it has more than " + std::to_string(kKeysMax) + " keys");
  }
  for (std::size_t at = 0; at < keys.size(); ++at) {
    for (std::size_t before = 0; before < at; ++before) {
      if (keys[at].id == keys[before].id) return set_invalid("two keys have one kid");
    }
  }
  KeySet set;
  set.keys_ = std::move(keys);
  return set;
}

Result<PublicKey> KeySet::find(const KeyId& id) const {
  for (const VerifyingKey& key : keys_) {
    if (key.id == id) return key.key;
  }
  return base::not_found("key_unknown", "no key has that kid");
}

std::string write_jwk(const VerifyingKey& key) {
  std::string text = R"({"kty":"EC","crv":"P-256","x":")" + base::encode_base64url(key.key.x()) +
                     R"(","y":")" + base::encode_base64url(key.key.y()) + R"(","kid":)";
  base::append_json_text(text, key.id.view());
  return text + R"(,"alg":"ES256","use":"sig"})";
}

std::string write_jwks(std::span<const VerifyingKey> keys) {
  std::string text = R"({"keys":[)";
  for (std::size_t at = 0; at < keys.size(); ++at) {
    if (at > 0) text += ',';
    text += write_jwk(keys[at]);
  }
  return text + "]}";
}

Result<VerifyingKey> read_jwk(base::JsonValue jwk) {
  if (!jwk.is_object() || !is_ours(jwk) || !may_verify(jwk.find("key_ops"))) {
    return bad_key("it is no key that verifies ES256");
  }
  if (!jwk.find("d").missing()) return bad_key("it carries its private half");
  const base::JsonValue id = jwk.find("kid");
  if (!id.is_text() || id.text().empty() || id.text().size() > kWordBytesMax) {
    return bad_key("kid is missing or longer than " + std::to_string(kWordBytesMax) + " bytes");
  }
  const std::optional<std::string> x = coordinate(jwk.find("x"));
  const std::optional<std::string> y = coordinate(jwk.find("y"));
  if (!x || !y) return bad_key("x and y are texts of base64url");
  WEIR_TRY(PublicKey key, PublicKey::from_point(*x, *y));
  return VerifyingKey{.id = KeyId(id.text()), .key = std::move(key)};
}

Result<KeySet> read_jwks(std::string_view text) {
  const auto document =
      JsonDocument::parse(text, {.depth_max = kTokenDepthMax, .bytes_max = kKeySetBytesMax});
  if (!document.ok()) return set_invalid("it is no JSON, or more than 64 KiB of it");
  const base::JsonValue listed = document->root().find("keys");
  if (!document->root().is_object() || !listed.is_array()) return set_invalid("it lists no keys");
  std::vector<VerifyingKey> keys;
  for (const base::JsonValue jwk : listed) {
    if (!jwk.is_object()) return set_invalid("a key is no object");
    if (!is_ours(jwk) || !may_verify(jwk.find("key_ops"))) continue;
    WEIR_TRY(VerifyingKey key, read_jwk(jwk));
    keys.push_back(std::move(key));
    if (keys.size() > kKeysMax) break;  // `of` refuses it
  }
  return KeySet::of(std::move(keys));
}

}  // namespace weir::auth
