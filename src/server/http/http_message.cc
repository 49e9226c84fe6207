// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_message.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/text.h"

namespace weir::server {

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  const std::string wanted = base::lower_ascii(name);
  for (const HttpHeader& header : headers) {
    if (base::lower_ascii(header.name) == wanted) return header.value;
  }
  return {};
}

std::optional<std::string> HttpRequest::query_value(std::string_view name) const {
  for (const std::string_view pair : base::split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), true) != name) continue;
    if (equals == std::string_view::npos) return "";
    return percent_decode(pair.substr(equals + 1), true);
  }
  return {};
}

const std::string& HttpRequest::param(std::string_view name) const {
  const auto found = std::ranges::find(params, name, &HttpHeader::name);
  WEIR_ASSERT(found != params.end());
  return found->value;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_blank) {
      decoded += ' ';
    } else if (text[at] != '%') {
      decoded += text[at];
    } else {
      if (text.size() - at < 3) return {};
      unsigned char byte = 0;
      const char* digits = text.data() + at + 1;
      const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
      if (error != std::errc() || end != digits + 2) return {};
      decoded += static_cast<char>(byte);
      at += 2;
    }
  }
  return decoded;
}

}  // namespace weir::server
