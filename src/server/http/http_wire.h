// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "server/http/http_message.h"

namespace weir::server {

using WireRequest = boost::beast::http::request<boost::beast::http::string_body>;
using WireResponse = boost::beast::http::response<boost::beast::http::string_body>;
/// The head of an answer whose body is written in blocks.
using WireHead = boost::beast::http::response<boost::beast::http::empty_body>;
using WireHeadSerializer = boost::beast::http::response_serializer<boost::beast::http::empty_body>;

/// A refusal of a request whose header alone shows that it cannot be served, and its status.
struct WireRefusal {
  Error error;
  int status = 400;
};

/// Fills method, path, query and headers of `request` from the header that was read. Refused: no
/// Host in HTTP/1.1, a target that is neither a path nor a URL, a broken percent-encoding, a
/// transfer coding other than chunked.
std::optional<WireRefusal> read_head(const WireRequest& wire, HttpRequest& request);

/// How an answer goes out.
struct WireForm {
  unsigned version = 11;
  bool head = false;  // the request was HEAD: the length is told, the body stays away
  bool keep_alive = true;
  Instant now;  // the Date header
};

WireResponse write_response(HttpResponse response, const WireForm& form);

/// In chunks for HTTP/1.1; for HTTP/1.0 up to the end of the connection.
WireHead write_head(const HttpResponse& head, const WireForm& form);

}  // namespace weir::server
