// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/capability_mint.h"

#include <utility>

#include "base/uuid.h"
#include "dispatcher/tasks/task_documents.h"
#include "server/auth/key_file.h"

namespace weir::dispatcher {
namespace {

/// Less than a fifth of the life is left.
bool nearly_over(Instant from, Instant until, Instant now) {
  return (until - now) * 5 < until - from;
}

}  // namespace

Result<std::unique_ptr<CapabilityMint>> CapabilityMint::create(Config config, Clock& clock,
                                                               Random& random) {
  WEIR_TRY(auth::SigningKey key, auth::read_or_make_key_file(config.key_path));
  WEIR_TRY(auth::KeySet keys, auth::KeySet::of({{key.id, key.key.public_key()}}));
  return std::unique_ptr<CapabilityMint>(
      new CapabilityMint(std::move(config), std::move(key), std::move(keys), clock, random));
}

CapabilityMint::CapabilityMint(Config config, auth::SigningKey key, auth::KeySet keys, Clock& clock,
                               Random& random)
    : config_(std::move(config)),
      key_(std::move(key)),
      keys_(std::move(keys)),
      jwks_(auth::write_jwks(keys_.keys())),
      clock_(clock),
      random_(random) {}

Result<Capability> CapabilityMint::issue(const operators::TaskPayload& payload,
                                         const storage::StorageRoot& root) {
  const Instant now = clock_.now();
  const Duration life = auth::capability_life(
      payload.deadline_at ? std::chrono::duration_cast<Duration>(*payload.deadline_at - now)
                          : std::chrono::hours(1));
  auth::CapabilityClaims claims;
  claims.issuer = config_.issuer;
  claims.org_id = payload.org_id;
  claims.bound_to = {payload.task_id.uuid(), payload.attempt};
  claims.jti = base::uuid_v7(now, random_);
  claims.issued_at = now;
  claims.expires_at = now + life;
  claims.grants = make_grants(payload, root);
  WEIR_TRY(server::Secret token, auth::sign_capability(claims, key_));
  const base::MutexLock lock(mutex_);
  if (issued_.size() >= kIssuedMax) {
    std::erase_if(issued_, [&](const auto& entry) { return entry.second.expires_at <= now; });
  }
  issued_[{claims.bound_to.task_id, payload.attempt}] = {now, claims.expires_at};
  return Capability{std::move(token), claims.expires_at};
}

bool CapabilityMint::due(const TaskId& task, int attempt) const {
  const base::MutexLock lock(mutex_);
  const auto found = issued_.find({task.uuid(), attempt});
  return found == issued_.end() ||
         nearly_over(found->second.at, found->second.expires_at, clock_.now());
}

bool CapabilityMint::ends_soon(const auth::CapabilityClaims& claims) const {
  return nearly_over(claims.issued_at, claims.expires_at, clock_.now());
}

Result<auth::CapabilityClaims> CapabilityMint::verify(std::string_view token) const {
  return auth::verify_capability(token, keys_, config_.issuer, clock_.now());
}

}  // namespace weir::dispatcher
