// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "dispatcher/user_api/rate_limiter.h"
#include "dispatcher/user_api/user_routes.h"
#include "dispatcher/wire/problems.h"

namespace weir::dispatcher {

/// Takes every request of the user listener through the same steps, in the order of section 0:
/// token 401, rate 429, shape 400, member and role 403, repeat 409, and then the route's work. Any
/// thread.
class UserApi::Desk {
 public:
  Desk(UserApiConfig config, UserApiPorts ports);

  server::HttpResponse serve(const UserRoute& route, const server::HttpRequest& request);
  /// The same steps before an answer that goes on for as long as it is read.
  void follow_events(const server::HttpRequest& request, server::Responder responder);
  Result<void> ready() const { return ports_.ready(); }

 private:
  /// What is known of a request on its way; a refusal ends it.
  struct Visit;

  Result<auth::PrincipalKey> authenticate(const server::HttpRequest& request);
  /// The refusal of a caller without a token, or who asks too often.
  std::optional<server::HttpResponse> identify(Visit& visit);
  /// The refusal of a caller without the right, or of a path that names nothing.
  std::optional<server::HttpResponse> admit(Visit& visit);
  server::HttpResponse carry_out(Visit& visit, Work work, const Caller& caller);
  server::HttpResponse carry_out_once(Visit& visit, Work work, const Caller& caller);
  server::HttpResponse refuse(const Visit& visit, const Error& error,
                              const ProblemExtras& extras = {});
  server::HttpResponse refuse_rate(const Visit& visit, std::chrono::seconds wait);
  server::HttpResponse refuse_stranger(const Visit& visit, const Error& error);
  void audit_denial(const Visit& visit, const Error& error,
                    const std::optional<Principal>& principal);

  UserApiConfig config_;
  UserApiPorts ports_;
  RateLimiter users_;
  RateLimiter orgs_;
  RateLimiter stranger_audits_;
};

}  // namespace weir::dispatcher
