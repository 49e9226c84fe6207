// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"

namespace weir::server {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error, Off };

/// "debug", "info", "warning" (or "warn"), "error", "off"; nothing for other words.
std::optional<LogLevel> log_level(std::string_view word);

/// How a line looks: one JSON object, or columns for people. Automatic: people's form if standard
/// error is a terminal.
enum class LogForm : std::uint8_t { Automatic, Json, Human };

/// The value of a field: a text, a number or a truth. Holds texts by reference: fields live as long
/// as the call that logs them.
class LogValue {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  // NOLINTBEGIN(google-explicit-constructor): a field is written {"nodes", 1000}.
  LogValue(bool value) : value_(value) {}
  LogValue(std::signed_integral auto value) : value_(static_cast<std::int64_t>(value)) {}
  LogValue(std::unsigned_integral auto value)
    requires(!std::same_as<decltype(value), bool>)
      : value_(static_cast<std::uint64_t>(value)) {}
  LogValue(std::floating_point auto value) : value_(static_cast<double>(value)) {}
  LogValue(std::string_view text) : value_(text) {}
  LogValue(const std::string& text) : value_(std::string_view(text)) {}
  LogValue(const char* text) : value_(std::string_view(text)) {}
  /// Identifiers (base::StrongText).
  template <class Id>
    requires requires(const Id& id) {
      { id.view() } -> std::same_as<std::string_view>;
    }
  LogValue(const Id& id) : value_(id.view()) {}
  // NOLINTEND(google-explicit-constructor)

  const Value& value() const { return value_; }

 private:
  Value value_;
};

struct LogField {
  std::string_view name;
  LogValue value;
};

using LogFields = std::initializer_list<LogField>;

struct LogOptions {
  LogLevel level = LogLevel::Info;
  LogForm form = LogForm::Automatic;
  /// Takes each finished line, without its line end; standard error if empty. Called by one thread
  /// at a time.
  std::function<void(std::string_view line)> sink = {};
};

/// The structured log: one line an event, written whole, with the time (RFC 3339, UTC,
/// milliseconds), level, message, fields in the order given, and the trace id of the thread's
/// ScopedTrace. Control characters are escaped, so nothing logged can forge a line. Any thread.
class Log {
 public:
  explicit Log(LogOptions options);
  /// With a clock of the caller's, which outlives the log.
  Log(LogOptions options, const Clock& clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view message, LogFields fields = {});
  void info(std::string_view message, LogFields fields = {});
  void warning(std::string_view message, LogFields fields = {});
  void error(std::string_view message, LogFields fields = {});
  void write(LogLevel level, std::string_view message, LogFields fields = {});

  bool enabled(LogLevel level) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The log of this process: level from WEIR_LOG_LEVEL (default info), automatic form, until
/// `configure_log` says otherwise.
Log& log();

/// Replaces the process's log; call once, before other threads log. Fields left out keep the
/// default, except that WEIR_LOG_LEVEL counts where `level` is nothing.
void configure_log(std::optional<LogLevel> level, LogForm form);

}  // namespace weir::server
