// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "server/log.h"

namespace weir::server {

/// What one line of the log says.
struct LogLine {
  Instant time;
  LogLevel level = LogLevel::Info;
  std::string_view message;
  LogFields fields;
  std::string_view trace_id;  // empty: none
};

/// `{"ts":"2026-01-31T09:30:00.125Z","level":"info","msg":"…",<fields>,"trace_id":"…"}`. Always
/// valid JSON and UTF-8 without control characters: bytes that are not UTF-8 become U+FFFD.
std::string json_line(const LogLine& line);

/// `2026-01-31 09:30:00.125Z info    message  name=value …`. Control characters are escaped.
std::string human_line(const LogLine& line);

std::string_view log_level_word(LogLevel level);

}  // namespace weir::server
