// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/json.h"
#include "server/auth/capability.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/auth/limits.h"
#include "server/auth/token.h"
#include "server/auth/user_token.h"
#include "tests/fuzz/fuzzing.h"

/// Tokens and key sets from anyone. A token must never hold unless its text is one that the known
/// key signed; what a signed capability says must read back as it was written; a key set that is
/// taken must be written and read again to the same.

namespace {

using weir::Instant;
using weir::JsonDocument;
using weir::auth::CapabilityClaims;
using weir::fuzz::Bytes;
using weir::fuzz::require;

/// Made for this target; it opens nothing. The corpus has tokens of it.
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQwVw3zE0t4uqjifw\n"
    "NLp6SAj0DFJAavSiVqTC/kq1+5ahRANCAARBGl/qm7toPMe0rWin4kVA5JzExReL\n"
    "San+UntEZ80sI51Ew29pJEdYbGYxQCz0SKgMhf3WnWiWjh14rb64Sq+o\n"
    "-----END PRIVATE KEY-----\n";

constexpr Instant kNow{std::chrono::seconds(1'795'219'200)};
constexpr const char* kIssuer = "urn:fuzz";

constexpr std::string_view kUserClaims =
    R"({"iss":"urn:fuzz","aud":"weir","sub":"ada","iat":1795219200,"exp":1795219800})";
constexpr std::string_view kTaskClaims =
    R"({"iss":"urn:fuzz","aud":"trace.task","sub":"task:01970000-0000-7000-8000-000000000001",)"
    R"("iat":1795219200,"exp":1795219800,"jti":"01970000-0000-7000-8000-000000000002",)"
    R"("org_id":"01970000-0000-7000-8000-000000000003",)"
    R"("task_id":"01970000-0000-7000-8000-000000000001","attempt":1,)"
    R"("cap":"01970000-0000-7000-8000-000000000004"})";

weir::auth::SigningKey known_key() {
  auto key = weir::auth::PrivateKey::from_pem(weir::server::Secret(kPem));
  require(key.ok(), "the target's own key can be read");
  return weir::auth::named_by_thumbprint(*std::move(key));
}

const weir::auth::SigningKey& key() {
  static const weir::auth::SigningKey kKey = known_key();
  return kKey;
}

const weir::auth::KeySet& keys() {
  static const weir::auth::KeySet kKeys =
      *weir::auth::KeySet::of({{.id = key().id, .key = key().key.public_key()}});
  return kKeys;
}

/// All that the known key ever signed, signatures included.
const std::vector<std::string>& known_tokens() {
  static const std::vector<std::string> kTokens = {
      weir::auth::sign_token(kUserClaims, "JWT", key())->reveal(),
      weir::auth::sign_token(kTaskClaims, weir::auth::kCapabilityType, key())->reveal()};
  return kTokens;
}

std::string_view signed_text(std::string_view token) { return token.substr(0, token.rfind('.')); }

bool is_known(std::string_view token) {
  return std::any_of(known_tokens().begin(), known_tokens().end(), [token](const auto& known) {
    return signed_text(known) == signed_text(token);
  });
}

/// Whether anybody is let in by it; a refusal must not show it.
bool holds(std::string_view token) {
  const auto user =
      weir::auth::verify_user_token(token, keys(), {.issuer = kIssuer, .audience = "weir"}, kNow);
  const auto task = weir::auth::verify_capability(token, keys(), kIssuer, kNow);
  for (const weir::Error* error :
       {user.ok() ? nullptr : &user.error(), task.ok() ? nullptr : &task.error()}) {
    if (error == nullptr) continue;
    require(error->faults().size() == 1 || error->reason() == "capability_mismatch",
            "a refusal says why", error->describe());
    require(token.size() < 100 || error->describe().find(token) == std::string::npos,
            "a refusal does not show the token", error->describe());
  }
  return user.ok() || task.ok();
}

void judge(std::string_view token) {
  // Else nothing below could ever be found wrong.
  static const bool kSound = holds(known_tokens()[0]) && holds(known_tokens()[1]);
  require(kSound, "the known tokens hold");
  require(!holds(token) || is_known(token), "a token holds that nobody signed", std::string(token));
}

/// A good token with some of its bytes changed, left out, doubled or moved.
std::string mutated(Bytes& bytes) {
  std::string token = known_tokens()[bytes.below(2)];
  while (!bytes.empty() && !token.empty()) {
    const std::size_t at = (bytes.byte() * 256U + bytes.byte()) % token.size();
    switch (bytes.below(4)) {
      case 0:
        token[at] = static_cast<char>(token[at] ^ (1 << bytes.below(8)));
        break;
      case 1:
        token.erase(at, 1 + bytes.below(8));
        break;
      case 2:
        token.insert(at, 1, static_cast<char>(bytes.byte()));
        break;
      default:
        token[at] = static_cast<char>(bytes.byte());
        break;
    }
  }
  return token;
}

/// Another header before a good payload and signature.
std::string with_header(std::string_view header) {
  const std::string& token = known_tokens()[0];
  return weir::base::encode_base64url(header) + token.substr(token.find('.'));
}

/// Claims that the known key did sign: only their reader stands between them and us.
void read_claims(std::string_view text) {
  const auto document = JsonDocument::parse(text, {.depth_max = weir::auth::kTokenDepthMax});
  if (!document.ok()) return;
  const auto claims = weir::auth::read_capability(document->root());
  if (!claims.ok()) return;
  const CapabilityClaims& read = *claims;
  require(read.bound_to.attempt >= 1, "attempts begin at 1");
  require(read.expires_at > read.issued_at, "it lives");
  require(read.expires_at - read.issued_at <= weir::auth::kCapabilityLifeMax, "an hour at most");
  for (const std::string& prefix : read.grants.write_prefixes) {
    require(weir::auth::is_own_prefix(prefix, read.bound_to), "it writes to its own", prefix);
  }
  const auto written = weir::auth::write_capability(read);
  require(written.ok(), "what was read can be written");
  const auto again = JsonDocument::parse(*written);
  require(again.ok(), "what is written is JSON", *written);
  const auto reread = weir::auth::read_capability(again->root());
  require(reread.ok() && *reread == read, "it says the same again", *written);
}

void read_set(std::string_view text) {
  const auto set = weir::auth::read_jwks(text);
  if (!set.ok()) return;
  const std::string written = weir::auth::write_jwks(set->keys());
  const auto again = weir::auth::read_jwks(written);
  // Only names of many escaped letters make the second text longer than a set may be.
  if (written.size() > weir::auth::kKeySetBytesMax) return;
  require(again.ok(), "what is written can be read", written);
  require(weir::auth::write_jwks(again->keys()) == written, "a key set is a fixpoint", written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  Bytes bytes(data + 1, size - 1);
  switch (data[0]) {
    case 't':
      judge(rest);
      break;
    case 'm':
      judge(mutated(bytes));
      break;
    case 'h':
      judge(with_header(rest));
      break;
    case 'c':
      read_claims(rest);
      break;
    case 'k':
      read_set(rest);
      break;
    default:
      break;
  }
  return 0;
}
