// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_issuer.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "dispatcher/loops/limits.h"
#include "server/auth/worker_token.h"
#include "server/log.h"

namespace weir::dispatcher {
namespace {

Result<auth::KeySet> read_key_set(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return base::invalid_argument("file_unreadable", "cannot read " + path);
  return auth::read_jwks(text.str());
}

}  // namespace

Result<std::unique_ptr<UserIssuer>> UserIssuer::create(const DispatcherConfig& config, Clock& clock,
                                                       Random& random) {
  std::unique_ptr<UserIssuer> issuer(new UserIssuer({config.issuer, config.audience}, clock));
  if (!config.jwks_file.empty()) {
    WEIR_TRY(issuer->given_, read_key_set(config.jwks_file));
    return issuer;
  }
  auth::LocalIssuer::Config local;
  local.issuer = config.issuer;
  local.audience = config.audience;
  local.key_path = config.issuer_key_file;
  local.token_path = config.user_token_file;
  WEIR_TRY(issuer->local_, auth::LocalIssuer::create(std::move(local), clock, random));
  return issuer;
}

UserIssuer::~UserIssuer() { stop(); }

std::optional<auth::PrincipalKey> UserIssuer::local_user() const {
  return local_ ? std::optional(local_->user()) : std::nullopt;
}

Result<void> UserIssuer::start() {
  if (!local_) return {};
  WEIR_TRY(const auth::LocalIssuer::Pass pass, local_->run_once());
  thread_ = std::jthread([this, due = pass.due] { run(due); });
  return {};
}

void UserIssuer::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void UserIssuer::run(Instant due) {
  while (true) {
    {
      const base::MutexLock lock(mutex_);
      while (!stopping_ && clock_.now() < due) {
        changed_.wait_for(mutex_, std::max<Duration>(due - clock_.now(), kLoopRetry));
      }
      if (stopping_) return;
    }
    const auto pass = local_->run_once();
    if (pass.ok()) {
      due = pass->due;
    } else {
      server::log().error("the user token is not renewed",
                          {{"reason", pass.error().reason()}, {"message", pass.error().message()}});
      due = clock_.now() + kLoopPeriodMax;
    }
  }
}

Result<base::Digest> read_or_make_worker_token(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    WEIR_TRY(const server::Secret made, auth::new_worker_token());
    WEIR_CHECK(auth::write_worker_token(path, made));
  }
  WEIR_TRY(const server::Secret token, auth::read_worker_token(path));
  const auto digest = auth::worker_token_digest(token.reveal());
  if (!digest) return base::invalid_argument("file_invalid", path.string() + " holds no token");
  return *digest;
}

}  // namespace weir::dispatcher
