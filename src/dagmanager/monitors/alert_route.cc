// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/alert_route.h"

#include <algorithm>

#include "drivers/http/http_client.h"

namespace weir::dagmanager {
namespace {

Error bad_url() {
  return base::invalid_argument("bad_url",
                                "is no address: give http://host/path or https://host/path");
}

bool is_illegal(char letter) {
  return static_cast<unsigned char>(letter) <= ' ' || letter == '\x7f' || letter == '?' ||
         letter == '#';
}

}  // namespace

Result<AlertAddress> AlertRoute::address() const {
  const std::string& text = url.reveal();
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return bad_url();
  const std::size_t slash = text.find('/', scheme + 3);
  AlertAddress address{text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash)};
  if (!http::HttpClientConfig{.base = address.base}.validate().ok()) return bad_url();
  if (std::ranges::any_of(address.path, is_illegal)) return bad_url();
  if (address.path == "/") address.path.clear();
  return address;
}

}  // namespace weir::dagmanager
