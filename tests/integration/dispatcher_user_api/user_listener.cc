// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher_user_api/user_listener.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "dispatcher/wire/problems.h"
#include "tests/integration/dispatcher/seed.h"
#include "tests/unit/server/http/http_client.h"

namespace weir::test {
namespace {

constexpr const char* kIssuer = "issuer";
constexpr const char* kAudience = "weir";

/// Beside the seed's own user of each organisation.
constexpr std::string_view kUsers = R"sql(
INSERT INTO state.users (user_id, org_id, issuer, subject, role, disabled_at)
  VALUES ({e1}, {01}, 'issuer', 'reader-@', 'reader', NULL),
         ({e2}, {01}, 'issuer', 'writer-@', 'writer', NULL),
         ({e3}, {01}, 'issuer', 'admin-@', 'admin', NULL),
         ({e4}, {01}, 'issuer', 'gone-@', 'admin', now());
)sql";

auth::SigningKey new_key() {
  auto key = auth::new_signing_key();
  if (!key.ok()) std::abort();
  return *std::move(key);
}

auth::KeySet set_of(const auth::SigningKey& key) {
  auto set = auth::KeySet::of({{key.id, key.key.public_key()}});
  if (!set.ok()) std::abort();
  return *std::move(set);
}

std::string text_of(const Ask& ask) {
  std::string text = ask.method + " " + ask.target + " HTTP/1.1\r\nHost: weir\r\n";
  if (!ask.token.empty()) text += "Authorization: Bearer " + ask.token + "\r\n";
  if (!ask.body.empty()) text += "Content-Type: " + ask.type + "\r\n";
  text += ask.headers + "Content-Length: " + std::to_string(ask.body.size());
  return text + "\r\nConnection: close\r\n\r\n" + ask.body;
}

}  // namespace

std::string Seen::code() const {
  const nlohmann::json problem = json();
  return problem.is_object() ? problem.value("code", "") : "";
}

std::string Seen::field(std::string_view name) const {
  return server::SeenResponse{.status = status, .head = head, .body = body}.field(name);
}

UserListener::UserListener(Options options)
    : log_({.level = server::LogLevel::Warning, .form = server::LogForm::Json, .sink = {}}),
      key_(new_key()),
      keys_(set_of(key_)),
      pool_({.connect = dispatcher::service_connect_options(
                 plane_.database().dsn(), dispatcher::ServiceRole::Dispatcher, plane_.data())},
            clock_),
      registry_(pool_),
      users_(pool_),
      dags_(pool_, pool_),
      deploys_({.store = dags_, .random = random_}, operators_,
               dispatcher::own_engines(operators_, {"default"})),
      event_log_(pool_),
      events_({event_log_, clock_, log_}) {
  for (const Org org : {Org::A, Org::B}) plane_.script(healthy(org) + seeded(org, kUsers));
  start(options);
}

UserListener::~UserListener() {
  events_.stop();
  server_->stop();
}

void UserListener::start(Options options) {
  api_ = std::make_unique<dispatcher::UserApi>(
      dispatcher::UserApiConfig{.issuer = {kIssuer, kAudience},
                                .user_requests_a_minute = options.user_requests_a_minute,
                                .org_requests_a_minute = options.org_requests_a_minute},
      dispatcher::UserApiPorts{.registry = registry_,
                               .users = users_,
                               .tasks = tasks_,
                               .deploys = deploys_,
                               .keys = keys_,
                               .clock = clock_,
                               .random = random_,
                               .log = log_,
                               .ready = [this] { return ready_; },
                               .follow_events =
                                   [this](auto request, const auto& org, auto responder) {
                                     events_.subscribe(std::move(request), org.text(),
                                                       std::move(responder));
                                   }});
  server::Router router;
  dispatcher::add_user_routes(router, *api_);
  auto server = server::HttpServer::create(
      {.address = {"127.0.0.1", 0}, .problem = dispatcher::listener_problem}, std::move(router),
      {random_, log_});
  ASSERT_TRUE(server.ok()) << server.error().describe();
  server_ = *std::move(server);
  events_.start();
  const Result<void> started = server_->start();
  ASSERT_TRUE(started.ok()) << started.error().describe();
}

auth::UserClaims UserListener::claims(std::string_view subject) const {
  return {.user = {kIssuer, std::string(subject)},
          .audience = kAudience,
          .jti = "1",
          .issued_at = clock_.now(),
          .expires_at = clock_.now() + std::chrono::hours(1)};
}

std::string UserListener::token(std::string_view subject) const {
  return token(claims(subject), key_);
}

std::string UserListener::token(const auth::UserClaims& claims, const auth::SigningKey& key) const {
  const auto token = auth::sign_user_token(claims, key);
  EXPECT_TRUE(token.ok());
  return token->reveal();
}

Seen UserListener::ask(const Ask& request) const {
  server::HttpClient client(server_->port());
  const server::SeenResponse seen = client.ask(text_of(request));
  return {.status = seen.status, .head = seen.head, .body = seen.body};
}

Seen UserListener::get(const std::string& target, std::string_view subject) const {
  return ask({.target = target, .token = token(subject)});
}

Seen UserListener::post(const std::string& target, std::string_view subject, std::string body,
                        std::string headers) const {
  return ask({.method = "POST",
              .target = target,
              .token = token(subject),
              .body = std::move(body),
              .headers = std::move(headers)});
}

std::vector<nlohmann::json> UserListener::pages(const std::string& target, int limit,
                                                std::string_view subject) const {
  constexpr int kPagesMax = 100;
  std::vector<nlohmann::json> items;
  std::string cursor;
  for (int page = 0; page < kPagesMax; ++page) {
    const std::string separator = target.contains('?') ? "&" : "?";
    const Seen seen = get(target + separator + "limit=" + std::to_string(limit) + cursor, subject);
    EXPECT_EQ(seen.status, 200) << seen.body;
    const nlohmann::json body = seen.json();
    if (seen.status != 200 || !body.is_object()) return items;
    EXPECT_LE(body.at("items").size(), static_cast<std::size_t>(limit));
    items.insert(items.end(), body.at("items").begin(), body.at("items").end());
    if (body.at("next_cursor").is_null()) return items;
    EXPECT_EQ(body.at("items").size(), static_cast<std::size_t>(limit));
    cursor = "&cursor=" + body.at("next_cursor").get<std::string>();
  }
  ADD_FAILURE() << target << " does not end";
  return items;
}

std::string id(std::string_view digits) {
  std::string quoted = seeded(Org::A, "{" + std::string(digits) + "}");
  return quoted.substr(1, quoted.size() - 2);
}

void expect_problem(const Seen& seen, int status, std::string_view code) {
  EXPECT_EQ(seen.status, status) << seen.body;
  EXPECT_EQ(seen.field("content-type"), "application/problem+json");
  const nlohmann::json body = seen.json();
  ASSERT_TRUE(body.is_object()) << seen.body;
  EXPECT_EQ(body.value("code", ""), code) << seen.body;
  EXPECT_EQ(body.value("status", 0), status);
  EXPECT_EQ(body.value("type", ""), "urn:weir:problem:" + std::string(code));
  EXPECT_FALSE(body.value("title", "").empty());
  EXPECT_FALSE(body.value("detail", "").empty());
  EXPECT_TRUE(body.value("instance", "").starts_with("urn:uuid:"));
  EXPECT_EQ(dispatcher::problem_status(code), status) << code << " is not in the contract so";
}

}  // namespace weir::test
