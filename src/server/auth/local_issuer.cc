// SPDX-License-Identifier: Apache-2.0
#include "server/auth/local_issuer.h"

#include <utility>

#include "base/uuid.h"
#include "server/auth/key_file.h"
#include "server/auth/limits.h"
#include "server/auth/secret_file.h"
#include "server/auth/token.h"

namespace weir::auth {
namespace {

constexpr std::chrono::seconds kLifeMin = std::chrono::minutes(1);
constexpr std::chrono::seconds kLifeMax = std::chrono::hours(24);

Error issuer_invalid(std::string message) {
  return base::invalid_argument("issuer_invalid", std::move(message));
}

}  // namespace

Result<void> LocalIssuer::Config::validate() const {
  for (const auto& [name, word] : {std::pair("issuer", &issuer), std::pair("audience", &audience),
                                   std::pair("subject", &subject)}) {
    if (is_word(*word)) continue;
    return issuer_invalid(std::string(name) + " has 1 to 256 bytes, no control characters");
  }
  if (key_path.empty()) return issuer_invalid("key_path is empty");
  if (token_path.empty() || token_path == key_path) {
    return issuer_invalid("token_path is empty, or that of the key");
  }
  if (life < kLifeMin || life > kLifeMax) return issuer_invalid("life is a minute to a day");
  return {};
}

Result<std::unique_ptr<LocalIssuer>> LocalIssuer::create(Config config, const Clock& clock,
                                                         Random& random) {
  WEIR_CHECK(config.validate());
  WEIR_TRY(SigningKey key, read_or_make_key_file(config.key_path));
  WEIR_TRY(KeySet keys, KeySet::of({{.id = key.id, .key = key.key.public_key()}}));
  return std::unique_ptr<LocalIssuer>(
      new LocalIssuer(std::move(config), clock, random, std::move(key), std::move(keys)));
}

LocalIssuer::LocalIssuer(Config config, const Clock& clock, Random& random, SigningKey key,
                         KeySet keys)
    : config_(std::move(config)),
      clock_(clock),
      random_(random),
      key_(std::move(key)),
      keys_(std::move(keys)) {}

Result<LocalIssuer::Pass> LocalIssuer::run_once() {
  const Instant now = clock_.now();
  const Duration half = Duration(config_.life) / 2;
  Instant until = kept_until(now);
  int written = 0;
  if (until - half <= now) {
    WEIR_TRY(const server::Secret token, issue());
    WEIR_CHECK(write_secret_file(config_.token_path, token, kOwnerWrites));
    until = Instant(std::chrono::seconds(seconds_of(now))) + config_.life;
    written = 1;
  }
  return Pass{.tokens_written = written, .due = until - half};
}

Result<server::Secret> LocalIssuer::issue() {
  const Instant now = clock_.now();
  return sign_user_token({.user = user(),
                          .audience = config_.audience,
                          .jti = base::uuid_v7(now, random_).text(),
                          .issued_at = now,
                          .expires_at = now + config_.life},
                         key_);
}

Instant LocalIssuer::kept_until(Instant now) const {
  const auto kept = read_secret_file(config_.token_path);
  if (!kept.ok()) return {};
  const TokenExpectations expected = {.issuer = config_.issuer,
                                      .audience = config_.audience,
                                      .types = {"JWT"},
                                      .life_max = Duration(config_.life),
                                      .refusal = kUnauthenticated};
  const auto verified = verify_token(kept->reveal(), keys_, expected, now);
  if (!verified.ok()) return {};
  const JsonValue claims = verified->claims.root();
  if (read_word(claims.find("sub")) != config_.subject) return {};
  return read_seconds(claims.find("exp")).value_or(Instant());
}

}  // namespace weir::auth
