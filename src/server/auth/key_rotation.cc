// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_rotation.h"

#include <algorithm>

#include "server/auth/limits.h"

namespace weir::auth {
namespace {

void sooner(std::optional<Instant>& due, Instant at, Instant now) {
  if (at > now && (!due || at < *due)) due = at;
}

}  // namespace

Instant signing_end(Instant not_before) { return not_before + kSigningPeriod; }

Instant verifying_end(Instant not_before) { return signing_end(not_before) + kKeyOverlap; }

RotationPlan plan_rotation(std::span<const KeySpan> keys, Instant now) {
  RotationPlan plan;
  const KeySpan* current = nullptr;
  const KeySpan* latest = nullptr;
  for (const KeySpan& key : keys) {
    if (key.revoked || key.expires_at <= now) {
      plan.over.push_back(key.id);
      continue;
    }
    plan.published.push_back(key.id);
    sooner(plan.due, key.not_before, now);
    sooner(plan.due, key.expires_at, now);
    if (latest == nullptr || key.not_before > latest->not_before) latest = &key;
    const bool signs = key.not_before <= now && now < signing_end(key.not_before);
    if (signs && (current == nullptr || key.not_before > current->not_before)) current = &key;
  }
  if (current != nullptr) plan.signer = current->id;
  const bool waiting = latest != nullptr && latest->not_before > now;
  if (current == nullptr) {
    // A key that is published but not yet due must not leave a gap in which nothing is signed.
    plan.make_after = now;
  } else if (!waiting) {
    const Instant end = signing_end(current->not_before);
    if (end - kKeyLead <= now) {
      plan.make_after = end;
    } else {
      sooner(plan.due, end - kKeyLead, now);
    }
  }
  if (plan.make_after) plan.due.reset();
  return plan;
}

}  // namespace weir::auth
