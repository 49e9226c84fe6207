// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include "base/json_dump.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/head_source.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/local_config.h"
#include "cli/tasks/task_text.h"
#include "drivers/process/child_process.h"
#include "drivers/process/file_descriptor.h"
#include "drivers/process/own_program.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

struct HeadFlags {
  LocalFlags local;
  std::string dataset;
  std::string world = "live";
  int rows = kHeadRowsDefault;
};

/// A private folder that goes with this.
class WorkFolder {
 public:
  static Result<std::unique_ptr<WorkFolder>> make() {
    std::string pattern = (fs::temp_directory_path() / "weir-head-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return base::unavailable("file_unwritable", "no folder can be made in the temporary folder");
    }
    return std::unique_ptr<WorkFolder>(new WorkFolder(pattern));
  }
  ~WorkFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

process::FileDescriptor open_file(const fs::path& path, int flags) {
  constexpr mode_t kOnlyOwner = 0600;
  return process::FileDescriptor(open(path.c_str(), flags | O_CLOEXEC, kOnlyOwner));
}

/// What the child says of the rows in these files.
Result<JsonTree> ask_child(const JsonTree& request, const WorkFolder& folder) {
  const fs::path question = folder.path() / "question.json";
  const fs::path reply = folder.path() / "answer.json";
  WEIR_CHECK(write_text_file(question, request.dump()));
  const process::FileDescriptor input = open_file(question, O_RDONLY);
  const process::FileDescriptor output = open_file(reply, O_WRONLY | O_CREAT);
  WEIR_TRY(const auto child,
           process::ChildProcess::spawn({.argv = {process::own_program(), "__head"},
                                         .output = output.number(),
                                         .error_output = STDERR_FILENO,
                                         .input = input.number(),
                                         .death_signal = SIGKILL}));
  std::optional<process::ProcessExit> exit = child->wait(kHeadChildTime);
  if (!exit) {
    child->terminate(Duration::zero());
    return Error(Code::DeadlineExceeded, "query_timeout", "the rows could not be read in time");
  }
  if (!exit->clean()) {
    return base::unavailable("rows_unreadable",
                             "the engine that reads rows ended with " + exit->text());
  }
  WEIR_TRY(const std::string text, read_text_file(reply.string()));
  JsonTree answer = JsonTree::parse(text, nullptr, /*allow_exceptions=*/false);
  if (answer.is_object()) return answer;
  return base::unavailable("rows_unreadable", "the engine that reads rows gave no answer");
}

Result<JsonTree> read_head(const dispatcher::DispatcherConfig& config, const HeadFlags& flags) {
  server::SystemRandom random;
  WEIR_TRY(
      const auto source,
      HeadSource::open(
          config, {.dataset_id = flags.dataset, .world = flags.world, .rows = flags.rows}, random));
  JsonTree answer = source->answer();
  if (source->kind() == "table") {
    WEIR_CHECK(source->read_table(answer));
  } else if (source->kind() == "parquet") {
    WEIR_TRY(const std::vector<std::string> files, source->files(random));
    WEIR_TRY(const auto folder, WorkFolder::make());
    WEIR_TRY(const JsonTree rows, ask_child({{"files", files},
                                             {"rows", flags.rows},
                                             {"objects", config.object_root},
                                             {"spill", folder->path().string()}},
                                            *folder));
    for (const char* name : {"columns", "rows", "truncated"}) answer[name] = at(rows, {name});
  } else {
    return base::failed_precondition("not_supported",
                                     "a dataset of kind " + source->kind() + " has no rows");
  }
  WEIR_CHECK(source->audit(answer));
  return answer;
}

int run_head(const Session& session, const HeadFlags& flags) {
  const auto config = load_local_config(flags.local);
  if (!config.ok()) return refuse_config(config.error());
  const Result<JsonTree> answer = read_head(*config, flags);
  if (!answer.ok()) {
    print_error(answer.error());
    return kExitFailed;
  }
  if (session.json()) {
    print_body(base::dump_json(*answer));
    return kExitOk;
  }
  const std::string text = query_rows_text(*answer);
  print_out(list_at(*answer, {"rows"}).empty() ? "No rows yet.\n" : text);
  return kExitOk;
}

}  // namespace

void add_dataset_head(CLI::App& group, Session& session) {
  CLI::App* command =
      group.add_subcommand("head", "Print the first rows of a dataset, on the machine that has it");
  command->footer("Exit code: 0 done; 1 unknown, or it cannot be read; 2 usage or configuration.");
  auto flags = std::make_shared<HeadFlags>();
  command->add_option("dataset", flags->dataset, "The dataset's published name")
      ->required()
      ->type_name("DATASET");
  command->add_option("-n,--rows", flags->rows, "Rows to print")
      ->check(CLI::Range(1, kHeadRowsMax).description(""))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--world", flags->world, "The world to look at")
      ->capture_default_str()
      ->type_name("WORLD");
  add_local_flags(*command, flags->local);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_head(session, *flags); };
  });
}

}  // namespace weir::cli
