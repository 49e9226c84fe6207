// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/identity.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/validate.h"
#include "tests/fuzz/fuzzing.h"

/// A DAG file in, its faults or its model out (contract chapter 2). Oracles: faults are known,
/// ordered, bounded, and stand inside the text; a file is sound or has faults, never both; a second
/// look says the same; the normalised document, read as a file, has the same hash and the same
/// names.

namespace {

using weir::fuzz::require;
namespace dispatcher = weir::dispatcher;
namespace code = weir::dispatcher::code;

const dispatcher::OperatorRegistry& operators() {
  static const dispatcher::OperatorRegistry kOperators;
  return kOperators;
}

const dispatcher::KnownNames& known_names() {
  static const dispatcher::KnownNames kKnown = [] {
    dispatcher::KnownNames known;
    known.datasets["far"].filterable = {{"chain_id", "int"}, {"kind", "string"}};
    known.bundles["b1"] = {.language = dispatcher::BundleLanguage::Python,
                           .sha256 = std::string(64, 'a')};
    known.bundles["b2"] = {.language = dispatcher::BundleLanguage::Rust,
                           .sha256 = std::string(64, 'b')};
    return known;
  }();
  return kKnown;
}

dispatcher::ValidationReport validated(std::string_view text) {
  const weir::Instant now =
      std::chrono::sys_days(std::chrono::year(2026) / std::chrono::January / 2);
  return dispatcher::validate_dag(text, {.mode = dispatcher::ValidationMode::Snapshot,
                                         .operators = operators(),
                                         .known = &known_names(),
                                         .now = now});
}

template <class Codes>
void check_faults(const std::vector<dispatcher::DagFault>& faults, const Codes& codes,
                  std::string_view text) {
  require(faults.size() <= dispatcher::kFaultsMax + 1, "a bounded number of faults");
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  std::pair<std::size_t, std::size_t> before = {1, 1};
  for (const dispatcher::DagFault& fault : faults) {
    require(std::ranges::find(codes, fault.code) != codes.end(), "a known code", fault.code);
    const std::pair place(fault.line, fault.column);
    require(place >= before, "faults in order", fault.code + " " + fault.path);
    require(fault.line <= lines && fault.column <= text.size() + 1, "a place in the text");
    require(!fault.detail.empty(), "a reason", fault.code);
    require(weir::base::is_utf8(fault.detail + fault.path + fault.hint), "texts", fault.detail);
    before = place;
  }
}

/// Durations are milliseconds there, which no file may write so; control characters stand bare.
bool reads_back(std::string_view normalised) {
  const bool durations =
      normalised.contains("\"max_queue_age\"") || normalised.contains("\"max_lag\"");
  return !durations &&
         std::ranges::all_of(normalised, [](char c) { return c >= 0x20 && c < 0x7f; });
}

void check_names(const dispatcher::DagFile& file) {
  require(file.order.size() == file.jobs.size(), "every job is in the order");
  const auto named = dispatcher::identify_jobs(file, known_names().bundles);
  require(named.ok(), "every job has a name");
  if (!reads_back(file.normalised)) return;
  const dispatcher::ValidationReport again = validated(file.normalised);
  require(again.file.has_value(), "the normalised document is sound",
          again.errors.empty() ? "" : again.errors.front().code + again.errors.front().path);
  require(again.file->normalised == file.normalised, "it is its own normal form", file.normalised);
  require(again.file->yaml_hash == file.yaml_hash, "and has the same hash");
  const auto named_again = dispatcher::identify_jobs(*again.file, known_names().bundles);
  for (std::size_t i = 0; i < file.jobs.size(); ++i) {
    const auto other =
        std::ranges::find(again.file->jobs, file.jobs[i].name, &dispatcher::DagJob::name);
    const auto index = static_cast<std::size_t>(other - again.file->jobs.begin());
    require((*named)[i].node == (*named_again)[index].node, "a job keeps its name",
            file.jobs[i].name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const dispatcher::ValidationReport report = validated(text);
  check_faults(report.errors, code::kErrors, text);
  check_faults(report.warnings, code::kWarnings, text);
  require(report.file.has_value() == report.errors.empty(), "sound, or faulty");
  const dispatcher::ValidationReport second = validated(text);
  require(second.errors == report.errors && second.warnings == report.warnings, "the same again");
  if (report.file) check_names(*report.file);
  return 0;
}
