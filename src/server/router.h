// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http_message.h"
#include "server/limits.h"

namespace weir::server {

/// Answers one request. Runs on a worker thread, several at once; may block. An Error becomes
/// problem details by the table of codes; for another status return `problem_response`.
using HttpHandler = std::function<Result<HttpResponse>(const HttpRequest&)>;

struct HttpRoute {
  std::string method;  // "GET" serves HEAD too
  std::string path;    // whole, "/status"
  HttpHandler handler;
  std::size_t body_bytes_max = kHttpBodyBytesMaxDefault;
};

/// Which handler serves which method and path. Filled before the listener starts, then only read.
class Router {
 public:
  /// One handler a method and path; a second one is our own mistake and stops the program.
  void add(HttpRoute route);

  struct Match {
    const HttpRoute* route = nullptr;  // nothing if none serves the request
    std::string allow = {};            // if the path is served by other methods: the Allow header
  };
  Match match(std::string_view method, std::string_view path) const;

 private:
  std::map<std::string, std::map<std::string, HttpRoute>, std::less<>> paths_;
};

}  // namespace weir::server
