// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/trace_context.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/text.h"

namespace weir::server {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

void write_hex(std::uint64_t word, std::span<char, kSpanDigits> out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t digit = 0; digit < kSpanDigits; ++digit)
    out[digit] = kHex[(word >> (60 - 4 * digit)) & 15];
}

/// No id may be all zero.
std::uint64_t not_zero(Random& random) { return std::max<std::uint64_t>(random.next(), 1); }

SpanId new_span(Random& random) {
  std::array<char, kSpanDigits> digits{};
  write_hex(not_zero(random), digits);
  return SpanId(std::string_view(digits.data(), digits.size()));
}

}  // namespace

std::string TraceContext::traceparent() const {
  std::array<char, kTraceparentBytes> text{};
  return std::string(write_traceparent(text));
}

std::string_view TraceContext::write_traceparent(std::array<char, kTraceparentBytes>& out) const {
  auto at = out.begin();
  const std::array<std::string_view, 4> parts = {"00-", trace_id.view(), "-", span_id.view()};
  for (const std::string_view part : parts) at = std::ranges::copy(part, at).out;
  at = std::ranges::copy(std::string_view(sampled ? "-01" : "-00"), at).out;
  return {out.data(), static_cast<std::size_t>(at - out.begin())};
}

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  header = base::trim(header);
  if (header.size() < kTraceparentBytes) return {};
  const std::string_view version = header.substr(0, 2);
  if (!is_hex(version) || version == "ff") return {};
  // Version 00 has exactly these fields; later ones may append more after another dash.
  if (header.size() > kTraceparentBytes && (version == "00" || header[kTraceparentBytes] != '-'))
    return {};
  const std::string_view trace_id = header.substr(3, kTraceDigits);
  const std::string_view span_id = header.substr(4 + kTraceDigits, kSpanDigits);
  const std::string_view flags = header.substr(kTraceparentBytes - 2, 2);
  if (header[2] != '-' || header[3 + kTraceDigits] != '-' || header[kTraceparentBytes - 3] != '-' ||
      !is_id(trace_id) || !is_id(span_id) || !is_hex(flags)) {
    return {};
  }
  const bool sampled = std::string_view("13579bdf").contains(flags[1]);
  return TraceContext{
      .trace_id = TraceId(trace_id), .span_id = SpanId(span_id), .sampled = sampled};
}

TraceContext new_trace(Random& random) {
  std::array<char, kTraceDigits> digits{};
  const std::span<char, kTraceDigits> all(digits);
  write_hex(random.next(), all.first<kSpanDigits>());
  write_hex(not_zero(random), all.last<kSpanDigits>());
  return {.trace_id = TraceId(std::string_view(digits.data(), digits.size())),
          .span_id = new_span(random),
          .sampled = true};
}

TraceContext continue_trace(std::string_view header, Random& random) {
  const std::optional<TraceContext> caller = parse_traceparent(header);
  return caller ? child_of(*caller, random) : new_trace(random);
}

TraceContext child_of(const TraceContext& parent, Random& random) {
  return {.trace_id = parent.trace_id,
          .span_id = new_span(random),
          .sampled = parent.sampled,
          .parent_id = parent.span_id};
}

}  // namespace weir::server
