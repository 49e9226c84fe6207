// SPDX-License-Identifier: Apache-2.0
#include "server/http/router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace weir::server {
namespace {

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }
bool is_rest(std::string_view segment) { return segment.ends_with("...}"); }

std::string_view parameter_name(std::string_view segment) {
  const std::size_t around = is_rest(segment) ? 5 : 2;
  return segment.substr(1, segment.size() - around);
}

/// The pieces between slashes of a path that begins with one; nothing if it does not.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  if (!path.starts_with('/')) return segments;
  for (const std::string_view segment : base::split(path.substr(1), '/')) {
    segments.emplace_back(segment);
  }
  return segments;
}

/// A key that sorts patterns as they are tried: segment by segment, a literal before a parameter
/// before a rest.
std::string order_of(const std::vector<std::string>& segments) {
  std::string order;
  for (const std::string& segment : segments) {
    order += '/';
    if (is_rest(segment)) {
      order += '\2';
    } else if (is_parameter(segment)) {
      order += '\1';
    } else {
      order += '\0' + segment;
    }
  }
  return order;
}

}  // namespace

void Router::add(HttpRoute route) {
  const bool callable =
      std::visit([](const auto& handler) { return handler != nullptr; }, route.handler);
  WEIR_ASSERT(callable);
  WEIR_ASSERT(route.path.starts_with('/'));
  std::vector<std::string> segments = segments_of(route.path);
  for (std::size_t at = 0; at < segments.size(); ++at) {
    const std::string& segment = segments[at];
    if (!is_parameter(segment)) continue;
    WEIR_ASSERT(segment.ends_with('}'));
    WEIR_ASSERT(!is_rest(segment) || at + 1 == segments.size());
    WEIR_ASSERT(!parameter_name(segment).empty());
  }
  has_streams_ = has_streams_ || std::holds_alternative<StreamHandler>(route.handler);
  Pattern& pattern = patterns_[order_of(segments)];
  // Two names for one parameter are one pattern, whose handlers would not find theirs.
  WEIR_ASSERT(pattern.segments.empty() || pattern.segments == segments);
  pattern.segments = std::move(segments);
  std::string method = route.method;
  const bool inserted = pattern.methods.emplace(std::move(method), std::move(route)).second;
  WEIR_ASSERT(inserted);
}

bool Router::fits(const Pattern& pattern, const std::vector<std::string>& segments,
                  std::vector<HttpHeader>& params) {
  params.clear();
  for (std::size_t at = 0; at < pattern.segments.size(); ++at) {
    const std::string& wanted = pattern.segments[at];
    if (at >= segments.size()) return false;
    if (is_rest(wanted)) {
      const auto from = segments.begin() + static_cast<std::ptrdiff_t>(at);
      std::string rest = base::join({from, segments.end()}, "/");
      if (rest.empty()) return false;
      params.push_back({std::string(parameter_name(wanted)), std::move(rest)});
      return true;
    }
    if (!is_parameter(wanted)) {
      if (wanted != segments[at]) return false;
      continue;
    }
    if (segments[at].empty()) return false;
    params.push_back({std::string(parameter_name(wanted)), segments[at]});
  }
  return pattern.segments.size() == segments.size();
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  std::vector<std::string> segments = segments_of(path);
  for (std::string& segment : segments) {
    std::optional<std::string> decoded = percent_decode(segment);
    if (!decoded) return {};
    segment = *std::move(decoded);
  }
  std::set<std::string, std::less<>> allowed;
  Match match;
  for (const auto& [order, pattern] : patterns_) {
    if (!fits(pattern, segments, match.params)) continue;
    auto route = pattern.methods.find(method);
    if (route == pattern.methods.end() && method == "HEAD") route = pattern.methods.find("GET");
    if (route != pattern.methods.end()) {
      match.route = &route->second;
      return match;
    }
    for (const auto& [name, unused] : pattern.methods) {
      allowed.insert(name);
      if (name == "GET") allowed.insert("HEAD");
    }
  }
  return {nullptr, base::join({allowed.begin(), allowed.end()}, ", "), {}};
}

}  // namespace weir::server
