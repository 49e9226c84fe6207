// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "server/log_line.h"
#include "server/system_clock.h"
#include "server/tracing/span.h"

namespace weir::server {
namespace {

/// Hands finished lines to the function of LogOptions; spdlog's lock makes the calls one at a time.
class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    take_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

 private:
  std::function<void(std::string_view)> take_;
};

const Clock& system_clock() {
  static const SystemClock kClock;
  return kClock;
}

LogLevel level_of_environment() {
  const char* word = std::getenv("WEIR_LOG_LEVEL");
  return word == nullptr ? LogLevel::Info : log_level(word).value_or(LogLevel::Info);
}

std::unique_ptr<Log>& process_log() {
  static std::unique_ptr<Log> instance =
      std::make_unique<Log>(LogOptions{.level = level_of_environment()});
  return instance;
}

}  // namespace

std::optional<LogLevel> log_level(std::string_view word) {
  const std::string lower = base::lower_ascii(word);
  if (lower == "warn") return LogLevel::Warning;
  for (const LogLevel level :
       {LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error, LogLevel::Off}) {
    if (lower == log_level_word(level)) return level;
  }
  return {};
}

struct Log::State {
  State(LogOptions given, const Clock& given_clock)
      : level(given.level),
        human(given.form == LogForm::Human ||
              (given.form == LogForm::Automatic && !given.sink && isatty(STDERR_FILENO) == 1)),
        clock(given_clock),
        logger("weir", sink_of(std::move(given.sink))) {
    logger.set_level(spdlog::level::trace);
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  }

  static spdlog::sink_ptr sink_of(std::function<void(std::string_view)> sink) {
    if (sink) return std::make_shared<FunctionSink>(std::move(sink));
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }

  const LogLevel level;
  const bool human;
  const Clock& clock;
  spdlog::logger logger;
};

Log::Log(LogOptions options) : Log(std::move(options), system_clock()) {}
Log::Log(LogOptions options, const Clock& clock)
    : state_(std::make_unique<State>(std::move(options), clock)) {}
Log::~Log() = default;

void Log::debug(std::string_view message, LogFields fields) {
  write(LogLevel::Debug, message, fields);
}
void Log::info(std::string_view message, LogFields fields) {
  write(LogLevel::Info, message, fields);
}
void Log::warning(std::string_view message, LogFields fields) {
  write(LogLevel::Warning, message, fields);
}
void Log::error(std::string_view message, LogFields fields) {
  write(LogLevel::Error, message, fields);
}

void Log::write(LogLevel level, std::string_view message, LogFields fields) {
  if (!enabled(level)) return;
  const LogLine line = {state_->clock.now(), level, message, fields, ScopedTrace::current()};
  const std::string text = state_->human ? human_line(line) : json_line(line);
  state_->logger.log(spdlog::level::info, spdlog::string_view_t(text));
}

bool Log::enabled(LogLevel level) const { return level >= state_->level && level != LogLevel::Off; }

Log& log() { return *process_log(); }

void configure_log(std::optional<LogLevel> level, LogForm form) {
  process_log() = std::make_unique<Log>(
      LogOptions{.level = level.value_or(level_of_environment()), .form = form});
}

}  // namespace weir::server
