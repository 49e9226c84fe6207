// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/tracing/trace_context.h"

namespace weir::server {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// A request as a handler sees it: read whole, its target taken apart.
struct HttpRequest {
  std::string method = {};               // as sent, "GET"
  std::string path = {};                 // percent-decoded, without the query
  std::string encoded_path = {};         // as sent, without the query; what the router matches
  std::string query = {};                // as sent, without "?"
  std::vector<HttpHeader> headers = {};  // in the order sent
  std::string body = {};
  std::string request_id = {};  // a UUID, new for each request
  TraceContext trace = {};      // the caller's trace, or a new one
  std::string peer = {};        // "127.0.0.1:51234"; of a Unix socket "unix"
  /// The user that connected to a Unix socket, as the kernel knows it; nothing over TCP.
  std::optional<std::uint32_t> peer_uid = {};
  /// What the route's `{name}` parts matched, percent-decoded, in the order of the pattern.
  std::vector<HttpHeader> params = {};

  /// The first header of that name, upper and lower case alike; nothing if there is none.
  std::optional<std::string_view> header(std::string_view name) const;
  /// The first value of a query parameter, decoded (`+` is a blank); nothing if it is not there.
  std::optional<std::string> query_value(std::string_view name) const;
  /// The path parameter of that name. To ask for one the route's pattern lacks is our own mistake
  /// and stops the program.
  const std::string& param(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<HttpHeader> headers = {};
};

/// Decodes `%41`; with `plus_is_blank` also `+`. Nothing if two hex digits do not follow a `%`.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

}  // namespace weir::server
