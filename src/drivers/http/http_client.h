// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/http/cancel_flag.h"
#include "drivers/http/limits.h"

namespace weir::http {

struct HttpClientConfig {
  /// The one server: "http://host:port", "https://host:port" (its certificate is checked against
  /// the system's authorities) or "unix:/path/of.sock".
  std::string base = {};
  std::size_t connections_max = kConnectionsMax;
  /// Callers that may wait for a connection; further ones are refused at once.
  std::size_t waiters_max = kWaitersMax;
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds total_timeout = kTotalTimeout;
  std::size_t body_bytes_max = kBodyBytesMax;

  /// INVALID_ARGUMENT `bad_base`, `out_of_range`.
  Result<void> validate() const;
};

struct Field {
  std::string name;
  std::string value;
};

/// Fills the room with the next bytes of a body and says how many; 0 at the end. Runs on the thread
/// of the call, which it holds up for as long as it takes. Its error ends the call.
using BodySource = std::function<Result<std::size_t>(std::span<char>)>;
/// Takes the next bytes of an answer. Its error ends the call.
using BodySink = std::function<Result<void>(std::string_view)>;

struct Call {
  std::string method = "GET";
  std::string path = "/";  // with its query; percent-encoded by the caller
  std::vector<Field> headers = {};
  std::string body = {};
  /// Instead of `body`: a body of any size, in chunks, or with a length if that is known.
  BodySource source = nullptr;
  std::optional<std::uint64_t> source_bytes = {};
  /// Instead of `Reply::body`: takes the body of an answer 2xx, of any size.
  BodySink sink = nullptr;
  /// Instead of the client's; the whole call, waiting for a connection included.
  std::optional<std::chrono::milliseconds> total_timeout = {};
  /// Ends the call at once with CANCELLED `http_cancelled`.
  CancelFlag* cancel = nullptr;
};

struct Reply {
  int status = 0;
  std::vector<Field> headers = {};
  std::string body = {};

  /// The first field of that name, upper and lower case alike; nothing if there is none.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// An HTTP/1.1 client of one server (libcurl), keeping connections alive. Safe to call from any
/// thread; starts none. Follows no redirect, uses no proxy, keeps no cookie, decodes nothing, and
/// never sends a request twice but GET and HEAD, once, when a kept connection turns out closed.
///
/// Any status is a Reply. Errors:
///   UNAVAILABLE `http_unreachable`        nothing of the request was sent
///   UNAVAILABLE `http_reply_lost`         it was sent, perhaps served; nobody knows
///   DEADLINE_EXCEEDED `http_timeout`      the whole time is over; perhaps served
///   CANCELLED `http_cancelled`            its flag was set; perhaps served
///   RESOURCE_EXHAUSTED `http_client_busy` too many callers wait; nothing was sent
///   RESOURCE_EXHAUSTED `http_body_too_large`  the answer is larger than its bound
///   INVALID_ARGUMENT `bad_call`           a method, path or field that cannot be sent
/// and whatever a source or sink fails with.
class HttpClient {
 public:
  /// `clock` outlives the client.
  static Result<std::unique_ptr<HttpClient>> create(HttpClientConfig config, const Clock& clock);
  /// No call runs any more.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<Reply> request(const Call& call);

 private:
  class Pool;
  explicit HttpClient(std::unique_ptr<Pool> pool);
  std::unique_ptr<Pool> pool_;
};

/// Reads a file from where its descriptor stands to its end. The descriptor stays the caller's.
BodySource file_source(int file);

}  // namespace weir::http
