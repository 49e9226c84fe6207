// SPDX-License-Identifier: Apache-2.0
#include "server/trace_context.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace weir::server {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr std::size_t kHeaderLength = 2 + 1 + kTraceDigits + 1 + kSpanDigits + 1 + 2;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string hex_word(std::uint64_t word) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t digit = 0; digit < 16; ++digit)
    text[digit] = kHex[(word >> (60 - 4 * digit)) & 15];
  return text;
}

/// A span id must not be all zero.
std::string new_span(Random& random) { return hex_word(std::max<std::uint64_t>(random.next(), 1)); }

}  // namespace

std::string TraceContext::traceparent() const {
  return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  header = base::trim(header);
  if (header.size() < kHeaderLength) return {};
  const std::string_view version = header.substr(0, 2);
  if (!is_hex(version) || version == "ff") return {};
  // Version 00 has exactly these fields; later ones may append more after another dash.
  if (header.size() > kHeaderLength && (version == "00" || header[kHeaderLength] != '-')) return {};
  const std::string_view trace_id = header.substr(3, kTraceDigits);
  const std::string_view span_id = header.substr(4 + kTraceDigits, kSpanDigits);
  const std::string_view flags = header.substr(kHeaderLength - 2, 2);
  if (header[2] != '-' || header[3 + kTraceDigits] != '-' || header[kHeaderLength - 3] != '-' ||
      !is_id(trace_id) || !is_id(span_id) || !is_hex(flags)) {
    return {};
  }
  const bool sampled = std::string_view("13579bdf").contains(flags[1]);
  return TraceContext{std::string(trace_id), std::string(span_id), sampled};
}

TraceContext new_trace(Random& random) {
  const std::uint64_t high = random.next();
  return {hex_word(high) + new_span(random), new_span(random), true};
}

TraceContext continue_trace(std::string_view header, Random& random) {
  std::optional<TraceContext> caller = parse_traceparent(header);
  if (!caller) return new_trace(random);
  caller->span_id = new_span(random);
  return *std::move(caller);
}

}  // namespace weir::server
