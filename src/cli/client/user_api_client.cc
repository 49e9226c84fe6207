// SPDX-License-Identifier: Apache-2.0
#include "cli/client/user_api_client.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "base/uuid.h"
#include "cli/client/limits.h"
#include "server/auth/secret_file.h"

namespace weir::cli {
namespace {

constexpr int kUnauthenticated = 401;
constexpr int kTooManyRequests = 429;
constexpr int kUnavailable = 503;

/// How long the server asks to wait; nothing if it does not say.
std::optional<Duration> retry_after(const http::Reply& reply) {
  const auto text = reply.header("retry-after");
  if (!text) return {};
  long seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size() || seconds < 0) return {};
  return std::chrono::seconds(std::min(seconds, kApiRetryAfterSecondsMax));
}

bool may_repeat(const http::Reply& reply) {
  return reply.status == kTooManyRequests || reply.status == kUnavailable;
}

std::string why_of(const Result<http::Reply>& reply) {
  return reply.ok() ? problem_of({reply->status, reply->body}).describe()
                    : reply.error().describe();
}

}  // namespace

ApiPath& ApiPath::segment(std::string_view text) {
  text_ += "/" + base::percent_encode(text);
  return *this;
}

ApiPath& ApiPath::query(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  text_ += has_query_ ? "&" : "?";
  has_query_ = true;
  text_.append(name).append("=").append(base::percent_encode(value));
  return *this;
}

Result<std::unique_ptr<UserApiClient>> UserApiClient::create(UserApiTarget target, Clock& clock,
                                                             Random& random) {
  while (target.url.ends_with('/')) target.url.pop_back();
  WEIR_TRY(auto http, http::HttpClient::create({.base = target.url,
                                                .connections_max = 1,
                                                .connect_timeout = kApiConnectTimeout,
                                                .total_timeout = kApiCallTimeout,
                                                .body_bytes_max = kApiBodyBytesMax},
                                               clock));
  return std::unique_ptr<UserApiClient>(
      new UserApiClient(std::move(target), std::move(http), clock, random));
}

Result<std::optional<std::string>> UserApiClient::read_token() const {
  if (target_.token_file.empty()) return std::optional<std::string>();
  WEIR_TRY(const server::Secret token, auth::read_secret_file(target_.token_file));
  return std::optional<std::string>(token.reveal());
}

Result<http::Reply> UserApiClient::send(const ApiCall& call, const std::string& repeat_key) {
  http::Call request{.method = call.method, .path = call.path, .body = call.body};
  if (!call.content_type.empty()) request.headers.push_back({"Content-Type", call.content_type});
  if (!repeat_key.empty()) request.headers.push_back({"Idempotency-Key", repeat_key});
  WEIR_TRY(std::optional<std::string> token, read_token());
  if (!token) return http_->request(request);
  request.headers.push_back({"Authorization", "Bearer " + *token});
  Result<http::Reply> reply = http_->request(request);
  if (!reply.ok() || reply->status != kUnauthenticated) return reply;
  // The token may have ended between the reading and the call; its file then has another by now.
  WEIR_TRY(const std::optional<std::string> renewed, read_token());
  if (renewed == token) return reply;
  request.headers.back().value = "Bearer " + *renewed;
  return http_->request(request);
}

Result<ApiAnswer> UserApiClient::call(const ApiCall& call) {
  std::string key = call.repeat_key;
  if (key.empty() && call.method == "POST") key = base::uuid_v4(random_);
  const Duration until = clock_.monotonic() + kApiReachBudget;
  Duration wait = kApiWaitFirst;
  for (int attempt = 1;; ++attempt) {
    Result<http::Reply> reply = send(call, key);
    if (reply.ok() && !may_repeat(*reply)) {
      return ApiAnswer{.status = reply->status, .body = std::move(reply->body)};
    }
    if (!reply.ok() && reply.error().code() != Code::Unavailable) return reply.error();
    if (!reply.ok() && reply.error().reason().starts_with("file_")) return reply.error();
    Duration pause = wait;
    if (reply.ok()) pause = std::max(pause, retry_after(*reply).value_or(Duration::zero()));
    if (attempt >= kApiTries || clock_.monotonic() + pause >= until) {
      if (reply.ok()) return ApiAnswer{.status = reply->status, .body = std::move(reply->body)};
      return base::unavailable("unreachable", "no task plane answers at " + target_.url + " (" +
                                                  reply.error().message() + ", " +
                                                  std::to_string(attempt) + " tries)");
    }
    if (again_) again_(why_of(reply));
    clock_.sleep_for(pause);
    wait *= 2;
  }
}

Error problem_of(const ApiAnswer& answer) {
  const auto body = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const auto member = [&body](const char* name) {
    const bool has = body.is_object() && body.contains(name) && body[name].is_string();
    return has ? body[name].get<std::string>() : std::string();
  };
  const std::string code = member("code");
  if (code.empty()) {
    return {Code::Unknown, "bad_answer",
            "the server answered with status " + std::to_string(answer.status)};
  }
  return {Code::FailedPrecondition, code, member("detail")};
}

}  // namespace weir::cli
