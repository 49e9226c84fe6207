// SPDX-License-Identifier: Apache-2.0
#include "server/auth/prefixes.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "server/auth/limits.h"

namespace weir::auth {
namespace {

/// What stands behind the root of the store; empty if there is no such root.
std::string_view path_of(std::string_view uri) {
  constexpr std::string_view kS3 = "s3://";
  constexpr std::string_view kFile = "file:///";
  if (uri.starts_with(kFile)) return uri.substr(kFile.size());
  if (!uri.starts_with(kS3)) return {};
  const std::size_t slash = uri.find('/', kS3.size());
  if (slash == std::string_view::npos || slash == kS3.size()) return {};
  const std::string_view bucket = uri.substr(kS3.size(), slash - kS3.size());
  const bool named = std::all_of(bucket.begin(), bucket.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '.' ||
           letter == '-';
  });
  return named && bucket != "." && bucket != ".." ? uri.substr(slash + 1) : std::string_view();
}

bool has_plain_letters(std::string_view path) {
  return std::none_of(path.begin(), path.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f || letter == '*' ||
           letter == '?' || letter == '\\';
  });
}

/// A reader that undoes percent spelling would leave the prefix by these.
bool hides_a_step(std::string_view path) {
  const std::string lower = base::lower_ascii(path);
  return lower.find("%2e") != std::string::npos || lower.find("%2f") != std::string::npos ||
         lower.find("%5c") != std::string::npos;
}

bool is_canonical_path(std::string_view path) {
  if (path.empty() || !has_plain_letters(path) || hides_a_step(path)) return false;
  const auto segments = base::split(path, '/');
  return std::none_of(segments.begin(), segments.end(), [](std::string_view segment) {
    return segment.empty() || segment == "." || segment == "..";
  });
}

bool ends_in_own(std::string_view prefix, std::string_view kind, const AttemptRef& owner) {
  const std::string end = "/" + std::string(kind) + "/" + owner.task_id.text() + "/" +
                          std::to_string(owner.attempt) + "/";
  return is_canonical_prefix(prefix) && prefix.ends_with(end);
}

}  // namespace

bool is_canonical_prefix(std::string_view prefix) {
  if (prefix.size() > kPrefixBytesMax || !prefix.ends_with('/')) return false;
  std::string_view path = path_of(prefix);
  if (path.empty()) return false;
  path.remove_suffix(1);
  return base::is_utf8(prefix) && is_canonical_path(path);
}

bool is_under(std::string_view uri, std::string_view prefix) {
  return is_canonical_prefix(prefix) && uri.starts_with(prefix) && base::is_utf8(uri) &&
         is_canonical_path(uri.substr(prefix.size()));
}

bool is_own_prefix(std::string_view prefix, const AttemptRef& owner) {
  return ends_in_own(prefix, "_staging", owner) || is_own_scratch(prefix, owner);
}

bool is_own_scratch(std::string_view prefix, const AttemptRef& owner) {
  return ends_in_own(prefix, "scratch", owner);
}

}  // namespace weir::auth
