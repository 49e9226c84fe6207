// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/auth/user_token.h"
#include "server/config/secret.h"

namespace weir::auth {

/// The identity provider of one machine (section 3.1): a key in a file of mode 0400, and a token of
/// the one user in a file of mode 0600, which the command line takes and which is written anew
/// before it ends. A role runs it: `run_once` now and whenever `due` comes. Any thread may ask for
/// keys; `run_once` is for one thread at a time. Clock and Random outlive it.
class LocalIssuer {
 public:
  struct Config {
    std::string issuer = "urn:weir:issuer:local";       ///< `iss`
    std::string audience = "weir";                      ///< `aud`
    std::string subject = "admin";                      ///< `sub`, the user with role admin
    std::filesystem::path key_path;                     ///< made if it is not there
    std::filesystem::path token_path;                   ///< written by run_once
    std::chrono::seconds life = std::chrono::hours(1);  ///< of a token; a minute to a day

    /// INVALID_ARGUMENT `issuer_invalid` naming the first field that is out of bounds.
    Result<void> validate() const;
  };

  /// Reads the key, or makes it. Errors as validate and read_or_make_key_file.
  static Result<std::unique_ptr<LocalIssuer>> create(Config config, const Clock& clock,
                                                     Random& random);

  /// One pass: what it did, and when the next is due on the wall clock.
  struct Pass {
    int tokens_written = 0;
    Instant due;
  };
  /// Writes a token if the file has none of this key that lives for another half of its life.
  /// Errors as write_secret_file; a file that cannot be read is written anew.
  Result<Pass> run_once();

  /// A new token of the user, for now and the configured life.
  Result<server::Secret> issue();

  const KeySet& keys() const { return keys_; }
  UserTokenIssuer trusted() const { return {config_.issuer, config_.audience}; }
  PrincipalKey user() const { return {config_.issuer, config_.subject}; }

 private:
  LocalIssuer(Config config, const Clock& clock, Random& random, SigningKey key, KeySet keys);

  /// Until when the token in the file is good; the epoch if it is of no use.
  Instant kept_until(Instant now) const;

  Config config_;
  const Clock& clock_;
  Random& random_;
  SigningKey key_;
  KeySet keys_;
};

}  // namespace weir::auth
