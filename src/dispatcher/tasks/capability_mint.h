// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/core/ids.h"
#include "operators/task_payload.h"
#include "server/auth/capability.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/config/secret.h"
#include "storage/storage_uri.h"

namespace weir::dispatcher {

/// A token and until when it is good.
struct Capability {
  server::Secret token;
  Instant expires_at;
};

/// Issues capability tokens (contract section 3.1), and is where they are verified again. The key
/// stands in a file of mode 0400, so every replica on its folder signs alike. Any thread.
class CapabilityMint {
 public:
  struct Config {
    std::string issuer = "urn:weir:dispatcher";
    std::filesystem::path key_path;  ///< made if it is not there
  };

  /// Errors as auth::read_or_make_key_file.
  static Result<std::unique_ptr<CapabilityMint>> create(Config config, Clock& clock,
                                                        Random& random);

  /// For the attempt that the payload describes. INTERNAL if the grants are too many for a token.
  Result<Capability> issue(const operators::TaskPayload& payload, const storage::StorageRoot& root);

  /// Whether the attempt's last token that this process issued has less than a fifth of its life
  /// left, or this process issued none (3.3.3).
  bool due(const TaskId& task, int attempt) const WEIR_EXCLUDES(mutex_);
  /// The same of a token that was presented.
  bool ends_soon(const auth::CapabilityClaims& claims) const;

  /// UNAUTHENTICATED `capability_invalid`, PERMISSION_DENIED `capability_mismatch`.
  Result<auth::CapabilityClaims> verify(std::string_view token) const;

  /// The public keys as JSON: GET /internal/jwks/task.
  const std::string& jwks() const { return jwks_; }

 private:
  CapabilityMint(Config config, auth::SigningKey key, auth::KeySet keys, Clock& clock,
                 Random& random);

  const Config config_;
  const auth::SigningKey key_;
  const auth::KeySet keys_;
  const std::string jwks_;
  Clock& clock_;
  Random& random_;

  struct Issued {
    Instant at;
    Instant expires_at;
  };
  mutable base::Mutex mutex_;
  /// The last token of each attempt; those that are over are forgotten when there are many.
  std::map<std::pair<Uuid, int>, Issued> issued_ WEIR_GUARDED_BY(mutex_);
};

inline constexpr std::size_t kIssuedMax = 100'000;

}  // namespace weir::dispatcher
