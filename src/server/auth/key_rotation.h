// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "server/auth/es256.h"

/// Signing keys come and go without a pause: each signs for 12 h, is published an hour before it
/// signs, so that every cache has it, and verifies for an hour after, which is as long as a token
/// may live. So two are valid whenever one follows another (section 3.1).
namespace weir::auth {

/// When a key signs; a row of `signing_keys` without the key.
struct KeySpan {
  KeyId id;
  Instant not_before;    ///< signs from here on; published and trusted earlier
  Instant expires_at;    ///< verifies until here
  bool revoked = false;  ///< neither signs nor verifies, whatever the time
};

/// What is to be done with keys at one instant.
struct RotationPlan {
  std::optional<KeyId> signer;        ///< `current`: the youngest that signs now
  std::vector<KeyId> published;       ///< in the key set: next, current and previous
  std::vector<KeyId> over;            ///< verify nothing any more; their private half is to go
  std::optional<Instant> make_after;  ///< a new key is to be made that signs from this instant on
  std::optional<Instant> due;         ///< plan again then; nothing if a key is to be made first
};

/// When a key that signs from `not_before` on stops signing, and stops verifying.
Instant signing_end(Instant not_before);
Instant verifying_end(Instant not_before);

/// A pure function of keys and time. A revoked key is followed at once.
RotationPlan plan_rotation(std::span<const KeySpan> keys, Instant now);

}  // namespace weir::auth
