// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "base/blake3.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/dispatcher_config.h"
#include "server/auth/key_set.h"
#include "server/auth/local_issuer.h"
#include "server/auth/user_token.h"

namespace weir::dispatcher {

/// Whose user tokens are taken (contract section 3.1): the local issuer of one machine, whose one
/// user's token a thread renews in its file, or another's keys from a file.
class UserIssuer {
 public:
  /// `clock` and `random` outlive it.
  static Result<std::unique_ptr<UserIssuer>> create(const DispatcherConfig& config, Clock& clock,
                                                    Random& random);
  ~UserIssuer();
  UserIssuer(const UserIssuer&) = delete;
  UserIssuer& operator=(const UserIssuer&) = delete;

  /// Writes the first token before it returns.
  Result<void> start();
  void stop() WEIR_EXCLUDES(mutex_);

  const auth::TokenKeys& keys() const { return local_ ? local_->keys() : given_; }
  auth::UserTokenIssuer trusted() const { return trusted_; }
  /// The user of the local issuer; nothing with another's keys.
  std::optional<auth::PrincipalKey> local_user() const;

 private:
  UserIssuer(auth::UserTokenIssuer trusted, Clock& clock)
      : trusted_(std::move(trusted)), clock_(clock) {}

  void run(Instant due) WEIR_EXCLUDES(mutex_);

  const auth::UserTokenIssuer trusted_;
  Clock& clock_;
  std::unique_ptr<auth::LocalIssuer> local_;
  auth::KeySet given_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

/// The digest of the worker token in the file; the file is made if it is not there.
Result<base::Digest> read_or_make_worker_token(const std::filesystem::path& path);

}  // namespace weir::dispatcher
