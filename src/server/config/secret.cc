// SPDX-License-Identifier: Apache-2.0
#include "server/config/secret.h"

#include <array>

#include "base/text.h"

namespace weir::server {
namespace {

/// Masks `user:password@` of the authority that starts at `start`.
void mask_userinfo(std::string& dsn, std::size_t start) {
  const std::size_t authority_end = std::min(dsn.find_first_of("/?#", start), dsn.size());
  const std::size_t at = dsn.rfind('@', authority_end);
  if (at == std::string::npos || at < start || at >= authority_end) return;
  const std::size_t colon = dsn.find(':', start);
  if (colon >= at) return;
  dsn.replace(colon + 1, at - colon - 1, Secret::shown());
}

/// The end of a value in `key=value` form: a quoted one ends with its quote, `\'` stays inside.
std::size_t value_end(std::string_view dsn, std::size_t start) {
  if (start >= dsn.size() || dsn[start] != '\'') {
    return std::min(dsn.find_first_of("& \t\n", start), dsn.size());
  }
  std::size_t end = start + 1;
  while (end < dsn.size() && dsn[end] != '\'') end += dsn[end] == '\\' ? 2 : 1;
  return std::min(end + 1, dsn.size());
}

void mask_parameter(std::string& dsn, std::string_view name) {
  std::size_t found = 0;
  while ((found = base::lower_ascii(dsn).find(name, found)) != std::string::npos) {
    const bool starts = found == 0 || std::string_view("?& \t\n").contains(dsn[found - 1]);
    std::size_t start = found + name.size();
    found = start;
    // libpq allows blanks around the equals sign.
    while (start < dsn.size() && dsn[start] == ' ') ++start;
    if (!starts || start >= dsn.size() || dsn[start] != '=') continue;
    ++start;
    while (start < dsn.size() && dsn[start] == ' ') ++start;
    dsn.replace(start, value_end(dsn, start) - start, Secret::shown());
  }
}

}  // namespace

std::string without_password(std::string_view dsn) {
  std::string shown(dsn);
  const std::size_t scheme = shown.find("://");
  if (scheme != std::string::npos) mask_userinfo(shown, scheme + 3);
  for (const std::string_view name : {"password", "sslpassword"}) mask_parameter(shown, name);
  return shown;
}

}  // namespace weir::server
