// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/http/http_message.h"
#include "server/http/http_responder.h"
#include "server/limits.h"

namespace weir::server {

/// Answers one request. Runs on a worker thread, several at once; may block. An Error becomes
/// problem details by the table of codes; for another status return `problem_response`.
using HttpHandler = std::function<Result<HttpResponse>(const HttpRequest&)>;

/// Answers one request later: keeps the Responder, returns, and holds no thread while it waits.
/// Runs on a worker thread; the request's body was read whole.
using DeferredHandler = std::function<void(HttpRequest, Responder)>;

/// Reads the body itself, block by block; `request.body` is empty. Runs on a thread of its own pool
/// (`HttpServerConfig::stream_threads`), so it may block for as long as the body takes.
using StreamHandler = std::function<void(HttpRequest, BodyReader, Responder)>;

struct HttpRoute {
  std::string method;  // "GET" serves HEAD too
  /// Whole, "/status", or with parameters, "/v1/dags/{dag}/versions/{id}". A parameter matches one
  /// segment that is not empty; `{name...}`, at the end only, all that is left, slashes included.
  std::string path;
  std::variant<HttpHandler, DeferredHandler, StreamHandler> handler;
  /// The most a body may have. One that is read whole is held in memory.
  std::uint64_t body_bytes_max = kHttpBodyBytesMaxDefault;
};

/// Which handler serves which method and path. Filled before the listener starts, then only read.
/// Where several patterns match, the one serves whose first differing segment is literal; one that
/// does not take the method leaves the request to the next.
class Router {
 public:
  /// One handler a method and path; a second one, or a pattern that cannot be read, is our own
  /// mistake and stops the program.
  void add(HttpRoute route);

  struct Match {
    const HttpRoute* route = nullptr;  // nothing if none serves the request
    std::string allow = {};            // if the path is served by other methods: the Allow header
    std::vector<HttpHeader> params = {};
  };
  /// `path` as sent, its percent-encoding intact: `%2F` divides no segments.
  Match match(std::string_view method, std::string_view path) const;

  /// True if a handler reads bodies itself.
  bool has_streams() const { return has_streams_; }

 private:
  /// A path taken apart, and its handlers by method.
  struct Pattern {
    std::vector<std::string> segments;  // a literal, "{name}" or "{name...}"
    std::map<std::string, HttpRoute, std::less<>> methods;
  };
  static bool fits(const Pattern& pattern, const std::vector<std::string>& segments,
                   std::vector<HttpHeader>& params);

  std::map<std::string, Pattern, std::less<>> patterns_;  // in the order they are tried
  bool has_streams_ = false;
};

}  // namespace weir::server
