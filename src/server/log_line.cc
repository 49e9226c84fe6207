// SPDX-License-Identifier: Apache-2.0
#include "server/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <variant>

#include "server/limits.h"

namespace weir::server {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kCut = "\xE2\x80\xA6";          // U+2026, an ellipsis

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // 0: the bytes are not UTF-8
};

/// Reads one code point of RFC 3629's UTF-8 from the front of a text that is not empty.
CodePoint read_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return {};
  char32_t value = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80U) return {};
    value = (value << 6) | (byte(at) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast.at(length) || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
    return {};
  return {value, length};
}

/// True for what a terminal or a line reader could act on: C0, DEL, C1, and the line and paragraph
/// separators.
bool is_control(char32_t value) {
  return value < 0x20 || (value >= 0x7F && value < 0xA0) || value == 0x2028 || value == 0x2029;
}

/// Appends `text` with control characters as `\u00xx`; a backslash and, if asked, a quote are
/// escaped, so the escapes cannot be forged.
void append_escaped(std::string& out, std::string_view text) {
  const bool cut = text.size() > kLogTextBytesMax;
  if (cut) {
    text = text.substr(0, kLogTextBytesMax);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
      text.remove_suffix(1);
    }
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0U) text.remove_suffix(1);
  }
  while (!text.empty()) {
    const CodePoint point = read_utf8(text);
    if (point.length == 0) {
      out += kReplacement;
    } else if (point.value == '"' || point.value == '\\') {
      out += '\\';
      out += static_cast<char>(point.value);
    } else if (is_control(point.value)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(point.value));
    } else {
      out += text.substr(0, point.length);
    }
    text.remove_prefix(std::max<std::size_t>(point.length, 1));
  }
  if (cut) out += kCut;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

/// True if a text reads well without quotes in the human form.
bool is_plain(std::string_view text) {
  return !text.empty() && text.find_first_of(" =\"\\") == std::string_view::npos;
}

void append_value(std::string& out, const LogValue& value, LogForm form) {
  if (const auto* text = std::get_if<std::string_view>(&value.value())) {
    if (form == LogForm::Human && is_plain(*text)) return append_escaped(out, *text);
    return append_quoted(out, *text);
  }
  if (const auto* truth = std::get_if<bool>(&value.value())) {
    out += *truth ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&value.value())) {
    const std::string digits = fmt::format("{}", *number);
    // JSON has no word for infinity and "not a number".
    out += std::isfinite(*number) || form == LogForm::Human ? digits : '"' + digits + '"';
  } else if (const auto* whole = std::get_if<std::int64_t>(&value.value())) {
    out += fmt::format("{}", *whole);
  } else {
    out += fmt::format("{}", std::get<std::uint64_t>(value.value()));
  }
}

std::string stamp(Instant time, char between) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - seconds);
  const std::tm parts = fmt::gmtime(std::chrono::system_clock::to_time_t(seconds));
  return fmt::format("{:%Y-%m-%d}{}{:%H:%M:%S}.{:03}Z", parts, between, parts,
                     milliseconds.count());
}

}  // namespace

std::string_view log_level_word(LogLevel level) {
  constexpr std::array<std::string_view, 5> kWords = {"debug", "info", "warning", "error", "off"};
  return kWords.at(static_cast<std::size_t>(level));
}

std::string json_line(const LogLine& line) {
  std::string out = fmt::format(R"({{"ts":"{}","level":"{}","msg":)", stamp(line.time, 'T'),
                                log_level_word(line.level));
  append_quoted(out, line.message);
  for (const LogField& field : line.fields) {
    out += ',';
    append_quoted(out, field.name);
    out += ':';
    append_value(out, field.value, LogForm::Json);
  }
  if (!line.trace_id.empty()) {
    out += R"(,"trace_id":)";
    append_quoted(out, line.trace_id);
  }
  return out += '}';
}

std::string human_line(const LogLine& line) {
  std::string out = fmt::format("{} {:<7} ", stamp(line.time, ' '), log_level_word(line.level));
  append_escaped(out, line.message);
  std::string_view gap = "  ";
  for (const LogField& field : line.fields) {
    out += gap;
    append_escaped(out, field.name);
    out += '=';
    append_value(out, field.value, LogForm::Human);
    gap = " ";
  }
  if (!line.trace_id.empty()) {
    out += gap;
    out += "trace=";
    append_escaped(out, line.trace_id);
  }
  return out;
}

}  // namespace weir::server
