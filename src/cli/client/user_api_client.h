// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "drivers/http/http_client.h"

namespace weir::cli {

/// Where a task plane's user API is, and what signs in there.
struct UserApiTarget {
  std::string url;  ///< "http://127.0.0.1:8002"
  /// The user's token, mode 0600, which its issuer writes anew before it ends. Empty: none.
  std::filesystem::path token_file = {};
};

struct ApiCall {
  std::string method = "GET";
  std::string path = {};  ///< with its query; see ApiPath
  std::string content_type = {};
  std::string body = {};
  /// Sent as `Idempotency-Key`, so that a POST may be repeated; empty: one is made.
  std::string repeat_key = {};
};

struct ApiAnswer {
  int status = 0;
  std::string body = {};

  bool ok() const { return status >= 200 && status < 300; }
};

/// Builds a path: segments and values are percent-encoded.
class ApiPath {
 public:
  explicit ApiPath(std::string_view fixed) : text_(fixed) {}

  /// "/" and the segment.
  ApiPath& segment(std::string_view text);
  /// `name=value`; nothing where there is no value.
  ApiPath& query(std::string_view name, std::string_view value);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool has_query_ = false;
};

/// The user API of a task plane (contract section 3.5), as a well-behaved client calls it. It signs
/// in by itself: the token's file is read before each call, and once more when the answer is 401. A
/// server that is not reached, is too busy (503) or asks to slow down (429) is tried again, at most
/// kApiTries times in kApiReachBudget, waiting at least what `Retry-After` says; a POST carries a
/// key, so a repeat does nothing twice. One thread at a time.
class UserApiClient {
 public:
  /// INVALID_ARGUMENT `bad_base`. `clock` and `random` outlive the client.
  static Result<std::unique_ptr<UserApiClient>> create(UserApiTarget target, Clock& clock,
                                                       Random& random);

  /// Any answer but those above, problems included. UNAVAILABLE `unreachable` after the last try;
  /// an error of the token's file (server/auth/secret_file.h).
  Result<ApiAnswer> call(const ApiCall& call);

  /// Told before each further try.
  void on_again(std::function<void(const std::string& why)> told) { again_ = std::move(told); }

  const std::string& url() const { return target_.url; }

 private:
  UserApiClient(UserApiTarget target, std::unique_ptr<http::HttpClient> http, Clock& clock,
                Random& random)
      : target_(std::move(target)), http_(std::move(http)), clock_(clock), random_(random) {}

  Result<std::optional<std::string>> read_token() const;
  Result<http::Reply> send(const ApiCall& call, const std::string& repeat_key);

  const UserApiTarget target_;
  std::unique_ptr<http::HttpClient> http_;
  Clock& clock_;
  Random& random_;
  std::function<void(const std::string&)> again_;
};

/// What a refusal says: `code` and `detail` of its problem; of any other answer its status.
Error problem_of(const ApiAnswer& answer);

}  // namespace weir::cli
