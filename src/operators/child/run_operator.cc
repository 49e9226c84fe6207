// SPDX-License-Identifier: Apache-2.0
#include "operators/child/run_operator.h"

#include <array>
#include <csignal>
#include <iterator>
#include <string>
#include <utility>

#include "base/json_line.h"
#include "operators/child/context.h"
#include "operators/child/convert_rows.h"
#include "operators/child/http_task_api.h"
#include "operators/failure.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

using Operator = Result<JsonText> (*)(const OperatorContext&);

struct Named {
  std::string_view name;
  Operator run;
};

constexpr std::array kOperators = {
    Named{"parquet_compact", run_parquet_compact},
    Named{"sequence_source", run_sequence_source},
    Named{"table_ingest", run_table_ingest},
};

Operator find_operator(std::string_view name) {
  for (const Named& each : kOperators) {
    if (each.name == name) return each.run;
  }
  return nullptr;
}

volatile std::sig_atomic_t told_to_stop = 0;

void note_stop(int) { told_to_stop = 1; }

void watch_stop() {
  struct sigaction action{};
  action.sa_handler = note_stop;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // an end of the wrapper is an error of the next call
}

/// All of the payload, or nothing if it is too large.
Result<TaskPayload> read_payload(std::istream& in) {
  std::string text;
  std::array<char, 65536> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kPayloadBytesMax) {
      return base::invalid_argument("payload_invalid", "the payload is larger than 8 MiB");
    }
  }
  return parse_task_payload(text);
}

Result<JsonText> run(Operator op, const TaskPayload& payload, const OperatorProcess& process) {
  WEIR_TRY(auto surroundings, read_surroundings(environment_variable));
  std::string endpoint = environment_variable("TRACE_TASK_API");
  if (endpoint.empty()) endpoint = payload.task_api;
  WEIR_TRY(const auto api, HttpTaskApi::open(endpoint, process.clock));
  return op({.payload = payload,
             .api = *api,
             .clock = process.clock,
             .random = process.random,
             .surroundings = std::move(surroundings),
             .stopping = [] { return told_to_stop != 0; }});
}

}  // namespace

int tell_failure(const OperatorProcess& process, const Error& error,
                 std::optional<std::int64_t> line) {
  std::string text;
  JsonLine outer(text);
  outer.key("error");
  JsonLine inner(text);
  inner.text("code", error.reason()).text("message", error.message());
  if (line) inner.number("line", *line);
  inner.end();
  outer.end();
  process.err << error.describe() << '\n' << std::flush;
  process.out << text << '\n' << std::flush;
  return is_retryable(error) ? kExitRetryable : kExitFatal;
}

bool is_child_operator(std::string_view name) { return find_operator(name) != nullptr; }

int run_operator(std::string_view name, const OperatorProcess& process) {
  if (name == kConvertRows) return run_convert_rows(process);
  const Operator op = find_operator(name);
  if (op == nullptr) {
    tell_failure(process,
                 fatal_error("unknown_operator", std::string(name) + " is no built-in operator"));
    return kExitUsage;
  }
  watch_stop();
  const auto payload = read_payload(process.in);
  if (!payload.ok()) {
    tell_failure(process, payload.error());
    return kExitUsage;
  }
  const auto result = run(op, *payload, process);
  if (!result.ok()) return tell_failure(process, result.error());
  process.out << *result << '\n' << std::flush;
  return kExitSuccess;
}

}  // namespace weir::operators
