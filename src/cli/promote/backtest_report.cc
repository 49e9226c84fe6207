// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/backtest_report.h"

#include <set>

#include "base/blake3.h"
#include "base/json.h"
#include "cli/promote/limits.h"

namespace weir::cli {
namespace {

Error no_report(const std::string& place, const std::string& what) {
  return backtests_failed(
      "WEIR_REPORT: " + place + ": " + what +
      R"(; it must be {"runs":[{"name":TEXT,"passed":true or false,"detail":TEXT}]})");
}

std::string failed_run(JsonValue run) {
  std::string line = "backtest " + std::string(run.find("name").text()) + " did not pass";
  const std::string_view detail = run.find("detail").text();
  if (!detail.empty()) line += ": " + std::string(detail.substr(0, kRunWordsMax));
  return line;
}

/// What is wrong with the shape of one run, if anything.
Result<void> check_run(JsonValue run, const std::string& place) {
  const JsonValue name = run.find("name");
  if (!run.is_object()) return no_report(place, "a run is an object");
  if (!name.is_text() || name.text().empty() || name.text().size() > kRunNameBytesMax) {
    return no_report(place + "/name",
                     "a text of 1 to " + std::to_string(kRunNameBytesMax) + " bytes");
  }
  if (!run.find("passed").is_bool()) return no_report(place + "/passed", "true or false");
  return {};
}

}  // namespace

Error backtests_failed(const std::string& why) {
  return base::failed_precondition(kBacktestsFailed, why);
}

Result<std::vector<wire::Backtest>> read_backtests(std::string_view report, std::size_t runs_min) {
  const auto document = JsonDocument::parse(report, {.bytes_max = kReportBytesMax});
  if (!document.ok()) return no_report("the file", document.error().message());
  const JsonValue runs = document->root().find("runs");
  if (!runs.is_array()) return no_report("/runs", "a list");
  if (runs.size() > kRunsMax) {
    return no_report("/runs", "at most " + std::to_string(kRunsMax) + " of them");
  }
  const std::string hash = "blake3:" + base::blake3_hex(report);
  std::vector<wire::Backtest> backtests;
  std::set<std::string_view> names;
  std::string lines;
  std::size_t failures = 0;
  for (const JsonValue run : runs) {
    WEIR_CHECK(check_run(run, "/runs/" + std::to_string(backtests.size())));
    wire::Backtest& backtest = backtests.emplace_back();
    backtest.set_name(std::string(run.find("name").text()));
    backtest.set_passed(run.find("passed").kind() == JsonKind::True);
    backtest.set_report_hash(hash);
    names.insert(run.find("name").text());
    if (backtest.passed() || ++failures > kRunsToldMax) continue;
    lines += "\n" + failed_run(run);
  }
  if (failures > 0) {
    return backtests_failed(std::to_string(failures) + " of " + std::to_string(backtests.size()) +
                            " backtests did not pass" + lines);
  }
  if (names.size() < runs_min) {
    return backtests_failed(std::to_string(names.size()) +
                            " backtests of different names passed, and " +
                            std::to_string(runs_min) + " must (gate.backtests_min)");
  }
  return backtests;
}

}  // namespace weir::cli
