// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_wire.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/beast/http/field.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace weir::server {
namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

WireRefusal malformed(std::string what) {
  return {base::invalid_argument("malformed_request", std::move(what)), 400};
}

/// The path and query of a target, which may be a whole URL (RFC 9112, section 3.2.2).
std::optional<std::string_view> path_and_query(std::string_view target) {
  if (target.starts_with('/')) return target;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

/// Sunday, 06 Nov 1994 08:49:37 GMT, as HTTP wants it, whatever the locale.
std::string http_date(Instant now) {
  const std::tm parts = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto three = [](std::string_view names, int number) {
    return names.substr(3 * static_cast<std::size_t>(number), 3);
  };
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", three(kDays, parts.tm_wday),
                     parts.tm_mday, three(kMonths, parts.tm_mon), 1900 + parts.tm_year,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// What the head of every answer has, with the type of its body if it has one.
template <class Wire>
void write_fields(Wire& wire, const HttpResponse& response, const WireForm& form, bool has_body) {
  wire.version(form.version);
  wire.result(static_cast<unsigned>(response.status));
  wire.set(http::field::date, http_date(form.now));
  if (has_body) wire.set(http::field::content_type, response.content_type);
  for (const HttpHeader& header : response.headers) wire.insert(header.name, header.value);
}

}  // namespace

std::optional<WireRefusal> read_head(const WireRequest& wire, HttpRequest& request) {
  request.method = view(wire.method_string());
  for (const auto& field : wire) {
    request.headers.push_back(
        {std::string(view(field.name_string())), std::string(view(field.value()))});
  }
  const std::string_view target = view(wire.target());
  const std::optional<std::string_view> local = path_and_query(target);
  if (!local) return malformed("the request target must be a path");
  const std::size_t mark = std::min(local->find('?'), local->size());
  if (mark < local->size()) request.query = local->substr(mark + 1);
  std::optional<std::string> path = percent_decode(local->substr(0, mark));
  if (!path) return malformed("the path has a broken percent-encoding");
  request.path = *std::move(path);
  request.encoded_path = local->substr(0, mark);
  if (wire.version() >= 11 && !request.header("host")) {
    return malformed("an HTTP/1.1 request needs a Host header");
  }
  const std::optional<std::string_view> coding = request.header("transfer-encoding");
  if (coding && base::lower_ascii(base::trim(*coding)) != "chunked") {
    return WireRefusal{base::unimplemented("transfer_encoding_unsupported",
                                           "the only transfer coding taken is chunked"),
                       501};
  }
  return {};
}

WireResponse write_response(HttpResponse response, const WireForm& form) {
  const bool bodiless = response.status == 204 || response.status == 304;
  WireResponse wire;
  write_fields(wire, response, form, !response.body.empty() && !bodiless);
  if (!bodiless) wire.content_length(response.body.size());
  if (!bodiless && !form.head) wire.body() = std::move(response.body);
  wire.keep_alive(form.keep_alive);
  return wire;
}

WireHead write_head(const HttpResponse& head, const WireForm& form) {
  WireHead wire;
  write_fields(wire, head, form, true);
  if (form.version >= 11) wire.chunked(true);
  wire.keep_alive(form.keep_alive);
  return wire;
}

}  // namespace weir::server
