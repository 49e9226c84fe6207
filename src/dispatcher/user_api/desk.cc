// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/desk.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/sha256.h"
#include "base/text.h"
#include "dispatcher/user_api/query_reader.h"

namespace weir::dispatcher {

using server::HttpRequest;
using server::HttpResponse;

namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kRepeatHeader = "idempotency-key";

/// What the log and the audit call a request: without its query, which may hold anything, and with
/// bytes that no text column takes shown as question marks.
std::string target_of(const HttpRequest& request) {
  std::string target = request.method + " " + request.path;
  if (!base::is_utf8(target)) {
    std::ranges::replace_if(target, [](char c) { return static_cast<signed char>(c) < 0; }, '?');
  }
  std::ranges::replace(target, '\0', '?');
  return target;
}

/// The token of `Authorization: Bearer`; nothing if there is no such header.
std::optional<std::string_view> bearer_token(const HttpRequest& request) {
  const auto header = request.header("authorization");
  if (!header || header->size() > kBearerBytes) return std::nullopt;
  if (base::lower_ascii(header->substr(0, kBearer.size())) != kBearer) return std::nullopt;
  return header->substr(kBearer.size());
}

/// The key of a POST that may be repeated; INVALID_ARGUMENT if it is none.
Result<std::optional<std::string>> repeat_key_of(const HttpRequest& request) {
  const auto header = request.header(kRepeatHeader);
  if (!header || request.method != "POST") return std::optional<std::string>();
  const bool printable = std::ranges::all_of(*header, [](char c) { return c > ' ' && c <= '~'; });
  if (header->empty() || header->size() > kRepeatKeyBytes || !printable) {
    return base::invalid_argument("invalid_request",
                                  "Idempotency-Key has 1 to " + std::to_string(kRepeatKeyBytes) +
                                      " printable ASCII characters without blanks");
  }
  return std::optional<std::string>(*header);
}

RepeatKey repeat_key(const HttpRequest& request, const Caller& caller) {
  RepeatKey key = {.org_id = caller.principal.org_id,
                   .route = target_of(request),
                   .key = *caller.repeat_key,
                   .request_sha256 = {}};
  const base::Digest digest =
      base::sha256(std::to_string(request.query.size()) + ":" + request.query + request.body);
  static_assert(sizeof digest == sizeof key.request_sha256);
  std::memcpy(key.request_sha256.data(), digest.data(), digest.size());
  return key;
}

bool is_done(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

}  // namespace

struct UserApi::Desk::Visit {
  const UserRoute& route;
  const HttpRequest& request;
  auth::PrincipalKey key = {};  ///< once the token holds
  std::string who = {};         ///< the key as one text
  std::optional<Principal> principal = {};
};

UserApi::Desk::Desk(UserApiConfig config, UserApiPorts ports)
    : config_(std::move(config)),
      ports_(std::move(ports)),
      users_(config_.user_requests_a_minute, kRateKeysMax, ports_.clock),
      orgs_(config_.org_requests_a_minute, kRateKeysMax, ports_.clock),
      stranger_audits_(kStrangerAuditsAMinute, 1, ports_.clock) {}

HttpResponse UserApi::Desk::serve(const UserRoute& route, const HttpRequest& request) {
  Visit visit = {.route = route, .request = request};
  if (auto refusal = identify(visit)) return *std::move(refusal);
  Result<Work> work = route.read(ports_, request);
  if (!work.ok()) return refuse(visit, work.error());
  const auto repeat = repeat_key_of(request);
  if (!repeat.ok()) return refuse(visit, repeat.error());
  if (auto refusal = admit(visit)) return *std::move(refusal);
  const Caller caller = {
      .principal = *visit.principal, .request_id = request.request_id, .repeat_key = *repeat};
  if (caller.repeat_key) return carry_out_once(visit, *std::move(work), caller);
  return carry_out(visit, *std::move(work), caller);
}

void UserApi::Desk::follow_events(const HttpRequest& request, server::Responder responder) {
  static constexpr UserRoute kRoute = {
      .method = "GET", .path = kEventsPath, .action = auth::Action::FollowEvents, .read = nullptr};
  Visit visit = {.route = kRoute, .request = request};
  if (auto refusal = identify(visit)) return responder.answer(*std::move(refusal));
  Result<server::EventRequest> asked = server::read_event_request(request);
  if (!asked.ok()) return responder.answer(refuse(visit, asked.error()));
  if (auto refusal = admit(visit)) return responder.answer(*std::move(refusal));
  ports_.follow_events(*std::move(asked), visit.principal->org_id, std::move(responder));
}

std::optional<HttpResponse> UserApi::Desk::identify(Visit& visit) {
  Result<auth::PrincipalKey> key = authenticate(visit.request);
  if (!key.ok()) return refuse_stranger(visit, key.error());
  visit.key = *std::move(key);
  visit.who = visit.key.issuer + "|" + visit.key.subject;
  if (const auto wait = users_.take(visit.who)) return refuse_rate(visit, *wait);
  return std::nullopt;
}

Result<auth::PrincipalKey> UserApi::Desk::authenticate(const HttpRequest& request) {
  const auto token = bearer_token(request);
  if (!token) {
    return Error(Code::Unauthenticated, std::string(auth::kUnauthenticated),
                 "this route needs a user token: Authorization: Bearer");
  }
  WEIR_TRY(auth::PrincipalKey key,
           auth::verify_user_token(*token, ports_.keys, config_.issuer, ports_.clock.now()));
  if (!is_storable(key.subject)) {
    return Error(Code::Unauthenticated, std::string(auth::kUnauthenticated),
                 "the token's subject is no text");
  }
  return key;
}

std::optional<HttpResponse> UserApi::Desk::admit(Visit& visit) {
  const auto found = ports_.users.find_user(visit.key.issuer, visit.key.subject);
  if (!found.ok()) return refuse(visit, found.error());
  visit.principal = *found;
  if (!visit.principal) {
    const Error error(Code::PermissionDenied, "not_a_member",
                      "this user is not a member of an organisation here");
    audit_denial(visit, error, {});
    return refuse(visit, error);
  }
  if (const auto wait = orgs_.take(visit.principal->org_id.text())) {
    return refuse_rate(visit, *wait);
  }
  if (!auth::may(visit.principal->role, visit.route.action)) {
    const auth::Right& right = auth::right_of(visit.route.action);
    const Error error(Code::PermissionDenied, "forbidden",
                      "this takes role " + std::string(auth::role_word(right.least)));
    audit_denial(visit, error, visit.principal);
    return refuse(visit, error);
  }
  const auto& params = visit.request.params;
  const bool nameable = std::ranges::all_of(params, [](const server::HttpHeader& param) {
    return param.value.size() <= kDatasetIdBytes && is_storable(param.value);
  });
  if (!nameable) {
    return refuse(visit, base::not_found("not_found", "there is nothing of that name"));
  }
  return std::nullopt;
}

HttpResponse UserApi::Desk::carry_out(Visit& visit, Work work, const Caller& caller) {
  if (visit.route.audited == AuditedBy::Desk) {
    const Result<void> noted =
        ports_.users.audit({.org_id = caller.principal.org_id,
                            .actor = caller.principal.user_id.text(),
                            .action = std::string(auth::right_of(visit.route.action).word),
                            .target = target_of(visit.request),
                            .decision = AuditDecision::Allow,
                            .request_id = Uuid::parse(caller.request_id)});
    if (!noted.ok()) return refuse(visit, noted.error());
  }
  Result<HttpResponse> answer = work(caller);
  return answer.ok() ? *std::move(answer) : refuse(visit, answer.error());
}

HttpResponse UserApi::Desk::carry_out_once(Visit& visit, Work work, const Caller& caller) {
  const RepeatKey key = repeat_key(visit.request, caller);
  const Result<Reservation> reserved = ports_.users.reserve(key, kRepeatHold);
  if (!reserved.ok()) return refuse(visit, reserved.error());
  switch (reserved->repeat) {
    case Repeat::First:
      break;
    case Repeat::Conflict:
      return refuse(visit, Error(Code::AlreadyExists, "idempotency_conflict",
                                 "the Idempotency-Key was used for another request"));
    case Repeat::Running:
      return refuse(visit, base::unavailable("busy", "the first request is still running"));
    case Repeat::Done: {
      HttpResponse again;
      again.status = reserved->answer->status;
      again.body = reserved->answer->body;
      return again;
    }
  }
  HttpResponse response = carry_out(visit, std::move(work), caller);
  if (!is_done(response)) {
    // A refused request changed nothing: its repeat is decided anew. One that failed may have.
    if (response.status < 500) static_cast<void>(ports_.users.release(key));
    return response;
  }
  const Result<KeptAnswer> kept =
      ports_.users.keep(key, {.status = response.status, .body = response.body}, kRepeatKept);
  if (!kept.ok()) {
    // What was done is done, and done again it changes nothing.
    ports_.log.warning("an answer was not kept for repeats",
                       {{"request_id", caller.request_id}, {"error", kept.error().describe()}});
    return response;
  }
  response.status = kept->status;
  response.body = kept->body;
  return response;
}

HttpResponse UserApi::Desk::refuse(const Visit& visit, const Error& error,
                                   const ProblemExtras& extras) {
  HttpResponse response = problem_response(error, visit.request.request_id, extras);
  if (response.status >= 500 && problem_code(error).code != "busy") {
    ports_.log.error("user request failed", {{"target", target_of(visit.request)},
                                             {"request_id", visit.request.request_id},
                                             {"error", error.describe()}});
  }
  return response;
}

HttpResponse UserApi::Desk::refuse_rate(const Visit& visit, std::chrono::seconds wait) {
  const Error error(Code::ResourceExhausted, "rate_limited", "too many requests in a minute");
  return refuse(visit, error, {.retry_after = wait});
}

HttpResponse UserApi::Desk::refuse_stranger(const Visit& visit, const Error& error) {
  HttpResponse response = refuse(visit, error);
  if (response.status != 401) return response;
  response.headers.push_back({"WWW-Authenticate", "Bearer"});
  const bool credential = visit.request.header("authorization").has_value() ||
                          visit.request.header("x-trace-worker-token").has_value() ||
                          visit.request.header("x-trace-task-capability").has_value();
  if (credential && !stranger_audits_.take("")) audit_denial(visit, error, {});
  return response;
}

void UserApi::Desk::audit_denial(const Visit& visit, const Error& error,
                                 const std::optional<Principal>& principal) {
  const nlohmann::json detail = {{"code", problem_code(error).code}};
  AuditEntry entry = {.actor = visit.who.empty() ? "unknown" : visit.who,
                      .action = std::string(auth::right_of(visit.route.action).word),
                      .target = target_of(visit.request),
                      .decision = AuditDecision::Deny,
                      .request_id = Uuid::parse(visit.request.request_id),
                      .detail_json = detail.dump()};
  if (principal) {
    entry.org_id = principal->org_id;
    entry.actor = principal->user_id.text();
  }
  // The denial stands whether or not it could be noted.
  const Result<void> noted = ports_.users.audit(entry);
  if (!noted.ok()) {
    ports_.log.error("a denial was not audited", {{"target", entry.target},
                                                  {"request_id", visit.request.request_id},
                                                  {"error", noted.error().describe()}});
  }
}

}  // namespace weir::dispatcher
