// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/rows_converter.h"

#include <fcntl.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "drivers/process/pid_fd.h"
#include "drivers/process/spawn.h"
#include "worker/rows/row_batch.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Error unavailable(std::string why) {
  return base::unavailable("unavailable", "rows cannot be converted: " + std::move(why));
}

Json specs_of(std::span<const Column> columns) {
  Json specs = Json::array();
  for (const Column& column : columns) {
    specs.push_back(
        {{"name", column.name}, {"type", type_word(column.type)}, {"nullable", column.nullable}});
  }
  return specs;
}

/// The last line of a file.
std::string last_line_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kConversionAnswerBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// What the child says of its failure, as this port's error. A fault's text begins with the file
/// and the line, which are told apart.
Error failure_of(const std::string& answer) {
  const Json told = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  const Json error = told.is_object() ? told.value("error", Json::object()) : Json::object();
  const std::string code = error.value("code", "");
  std::string message = error.value("message", "");
  if (code == "source_too_large") return {Code::ResourceExhausted, "too_large", message};
  if (code != "source_invalid" && code != "value_unfit") return unavailable(code);
  const auto line = error.value("line", std::uint64_t{0});
  const std::string place = "rows:" + std::to_string(line) + ": ";
  if (message.starts_with(place)) message.erase(0, place.size());
  return rows_invalid(line, message);
}

}  // namespace

RowsConverter::Work::~Work() {
  std::error_code error;
  fs::remove_all(folder_, error);
  owner_.places_.release();
}

Result<std::unique_ptr<RowsConverter::Work>> RowsConverter::begin() const {
  if (!places_.try_acquire_for(kConversionWait)) return unavailable("others are under way");
  std::string name = (config_.folder / "rows-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    places_.release();
    return unavailable(std::strerror(errno));
  }
  return std::unique_ptr<Work>(new Work(*this, name));
}

Result<void> RowsConverter::to_lines(const Work& work, std::span<const Column> columns) const {
  return convert(work, columns, /*to_parquet=*/false);
}

Result<void> RowsConverter::to_parquet(const Work& work, std::span<const Column> columns) const {
  return convert(work, columns, /*to_parquet=*/true);
}

Result<void> RowsConverter::convert(const Work& work, std::span<const Column> columns,
                                    bool to_parquet) const {
  const fs::path wanted_path = work.folder_ / "wanted";
  const fs::path answer_path = work.folder_ / "answer";
  const Json wanted = {{"to", to_parquet ? "parquet" : "jsonl"},
                       {"input", to_parquet ? work.lines() : work.parquet()},
                       {"output", to_parquet ? work.parquet() : work.lines()},
                       {"columns", specs_of(columns)}};
  std::ofstream(wanted_path, std::ios::binary) << wanted.dump() << '\n';
  const process::FileDescriptor input(open(wanted_path.c_str(), O_RDONLY | O_CLOEXEC));
  const process::FileDescriptor output(
      open(answer_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const process::FileDescriptor complaints(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!input.open() || !output.open() || !complaints.open()) {
    return unavailable(std::strerror(errno));
  }
  process::ProcessOptions options;
  options.argv = {config_.program, "operator", "convert_rows"};
  // By its TMPDIR the child is ended with this worker (child/orphans.h).
  options.environment = {{"TMPDIR", work.folder_.string()},
                         {"WEIR_DUCKDB_LIBRARY", config_.duckdb_library},
                         {"PATH", "/usr/local/bin:/usr/bin:/bin"},
                         {"LANG", "C.UTF-8"},
                         {"TZ", "UTC"}};
  options.inherit_environment = false;
  options.folder = work.folder_.string();
  options.input = input.number();
  options.output = output.number();
  options.error_output = complaints.number();
  options.file_mask = 0077;
  options.death_signal = SIGKILL;
  WEIR_TRY(process::Process child, process::start_process(options));
  const bool ended = process::wait_for_exit(child.pid_fd, kConversionTime);
  if (!ended) process::send_signal(child.pid_fd, SIGKILL);
  const process::Ending ending = process::reap(child);
  if (!ended) return unavailable("it took too long");
  if (ending.success) return {};
  const std::string answer = last_line_of(answer_path);
  return answer.empty() ? unavailable(ending.text) : failure_of(answer);
}

}  // namespace weir::worker
