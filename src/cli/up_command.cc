// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/console/progress.h"
#include "cli/up/limits.h"
#include "cli/up/state_folder.h"
#include "cli/up/supervisor.h"
#include "server/shutdown.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct UpFlags {
  std::string state_dir = ".weir";
  std::uint16_t grpc_port = 50051;
  std::uint16_t http_port = 8001;
  std::uint16_t tasks_port = 8002;
  bool no_tasks = false;
  int worker_slots = kWorkerSlots;
  std::string kafka;
  std::vector<std::string> ingest_roots;
  std::string operators_file;
  bool detach = false;
  std::vector<std::string> command;
};

constexpr int kSignalExit = 128;

void add_state_dir(CLI::App& command, std::string& folder) {
  command.add_option("--state-dir", folder, "Folder of the data, the log and the lock")
      ->capture_default_str()
      ->envname("WEIR_STATE_DIR")
      ->type_name("DIR");
}

void tell_ready(const Session& session, const UpFlags& flags, const UpNote& note) {
  if (session.json()) {
    print_out(note.json() + "\n");
    return;
  }
  std::string text = "Weir is up.\n  gRPC   " + note.grpc + "\n  HTTP   " + note.http + "/status\n";
  if (!note.tasks.empty()) text += "  tasks  " + note.tasks + "\n";
  text += "  state  " + flags.state_dir + " (logs: dagmanager.log";
  if (!note.tasks.empty()) text += ", dispatcher.log, worker.log";
  text += ")\n";
  if (flags.detach) {
    text += "`weir down --state-dir " + flags.state_dir + "` stops everything.\n";
  } else if (flags.command.empty()) {
    text += "Ctrl-C stops everything.\n";
  }
  print_out(text);
}

void let_go_of_input() {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  dup2(fd, STDIN_FILENO);
  close(fd);
}

/// From here on nobody reads what a detached supervisor says but in its log.
void let_go_of_terminal(const std::string& state_dir) {
  const std::string log = state_dir + "/up.log";
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  close(fd);
}

/// INVALID_ARGUMENT `bad_flag` for what names no folder or file.
Result<UpOptions> options_of(const UpFlags& flags) {
  UpOptions options{.state_dir = flags.state_dir,
                    .ports = {.grpc = flags.grpc_port, .http = flags.http_port},
                    .kafka = flags.kafka,
                    .command = flags.command};
  if (flags.no_tasks) return options;
  options.ports.tasks = flags.tasks_port;
  options.tasks.worker_slots = flags.worker_slots;
  std::error_code error;
  for (const std::string& root : flags.ingest_roots) {
    const std::size_t cut = root.find('=');
    const std::filesystem::path folder =
        cut == std::string::npos ? "" : std::filesystem::canonical(root.substr(cut + 1), error);
    if (cut == 0 || cut == std::string::npos || error || !std::filesystem::is_directory(folder)) {
      return base::invalid_argument("bad_flag", "--ingest-root " + root + " is no NAME=FOLDER");
    }
    options.tasks.ingest_roots[root.substr(0, cut)] = folder.string();
  }
  if (!flags.operators_file.empty()) {
    options.tasks.operators_file = std::filesystem::canonical(flags.operators_file, error).string();
    if (error) {
      return base::invalid_argument("bad_flag",
                                    "--operators " + flags.operators_file + ": " + error.message());
    }
  }
  return options;
}

int run_up(const Session& session, const UpFlags& flags) {
  server::block_shutdown_signals();
  server::SystemClock clock;
  server::SystemRandom random;
  std::optional<Progress> progress;
  const Supervisor::Events events = {
      .starting = [&](const std::string& what) { progress.emplace("starting " + what, clock); },
      .ready =
          [&](const UpNote& note) {
            progress.reset();
            tell_ready(session, flags, note);
            if (flags.detach) let_go_of_terminal(flags.state_dir);
          },
      .noted =
          [&](const std::string& text) {
            if (progress) {
              progress->say(text);
            } else {
              print_error(text + "\n");
            }
          }};
  auto options = options_of(flags);
  if (!options.ok()) {
    print_error(options.error());
    return kExitUsage;
  }
  auto up = Supervisor::create(*std::move(options), events, clock, random);
  if (!up.ok()) {
    print_error(up.error());
    return kExitFailed;
  }
  const Result<int> code = (*up)->run();
  progress.reset();
  if (!code.ok()) {
    print_error(code.error());
    return kExitFailed;
  }
  return *code;
}

/// Copies what the detached process says until it is ready (or gone), which closes the pipe.
bool relay(int pipe) {
  std::array<char, 4096> block{};
  bool any = false;
  while (true) {
    const ssize_t count = read(pipe, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return any;
    any = true;
    print_out({block.data(), static_cast<std::size_t>(count)});
  }
}

/// Runs `weir up` in a session of its own and returns when it is ready.
int run_detached(const Session& session, const UpFlags& flags) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    print_error("no_descriptors: no pipe can be made\n");
    return kExitFailed;
  }
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    dup2(ends[1], STDOUT_FILENO);
    let_go_of_input();
    close(ends[0]);
    close(ends[1]);
    return run_up(session, flags);
  }
  close(ends[1]);
  const bool ready = child > 0 && relay(ends[0]);
  close(ends[0]);
  if (ready) return kExitOk;
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return kExitFailed;
  if (WIFSIGNALED(status)) return kSignalExit + WTERMSIG(status);
  return WEXITSTATUS(status) == 0 ? kExitFailed : WEXITSTATUS(status);
}

int run_down(const Session& session, const std::string& state_dir) {
  server::SystemClock clock;
  std::optional<Progress> progress;
  progress.emplace("stopping " + state_dir, clock);
  const Result<bool> stopped = stop_running_in(state_dir, kDownTimeout);
  progress.reset();
  if (!stopped.ok()) {
    print_error(stopped.error());
    return kExitFailed;
  }
  if (session.json()) {
    print_out(*stopped ? "{\"stopped\":true}\n" : "{\"stopped\":false}\n");
  } else {
    print_out(*stopped ? "Stopped.\n" : "Nothing runs on " + state_dir + ".\n");
  }
  return kExitOk;
}

void add_task_plane_flags(CLI::App& command, UpFlags& flags) {
  command
      .add_option("--tasks-port", flags.tasks_port,
                  "Port of the task plane's user API; 0 takes a free one")
      ->capture_default_str()
      ->type_name("PORT");
  command.add_flag("--no-tasks", flags.no_tasks, "Leave the task plane out");
  command.add_option("--worker-slots", flags.worker_slots, "Operators that run at once")
      ->check(CLI::Range(1, kWorkerSlotsMax).description(""))
      ->capture_default_str()
      ->type_name("N");
  command
      .add_option("--ingest-root", flags.ingest_roots,
                  "A folder that table_ingest may read, and its name; may be given several times")
      ->type_name("NAME=DIR")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--operators", flags.operators_file, "Registry file of extension operators")
      ->type_name("FILE");
}

}  // namespace

void add_up(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "up",
      "Run everything on this machine: a private PostgreSQL, the DAG manager, and "
      "the task plane with its worker");
  command->footer(
      "Exit code: 0 after Ctrl-C or SIGTERM; the command's own; 1 if it cannot start, "
      "another one runs on the folder, or a child cannot be kept up.");
  auto flags = std::make_shared<UpFlags>();
  add_state_dir(*command, flags->state_dir);
  command->add_option("--grpc-port", flags->grpc_port, "Port of gRPC; 0 takes a free one")
      ->capture_default_str()
      ->type_name("PORT");
  command->add_option("--http-port", flags->http_port, "Port of HTTP; 0 takes a free one")
      ->capture_default_str()
      ->type_name("PORT");
  command
      ->add_option(
          "--kafka", flags->kafka,
          "Brokers of a Kafka cluster that gets topics and control events; without, PostgreSQL "
          "keeps them")
      ->type_name("HOST:PORT,...");
  add_task_plane_flags(*command, *flags);
  CLI::Option* detach = command->add_flag("-d,--detach", flags->detach,
                                          "Return when everything is ready; `weir down` stops it");
  command
      ->add_option("command", flags->command,
                   "After --: run this when everything is ready, with WEIR_TARGET, WEIR_HTTP and "
                   "WEIR_URL in its environment, then stop all and exit with its code")
      ->type_name("CMD [ARGS]")
      ->excludes(detach);
  command->callback([&session, flags] {
    session.action = [&session, flags] {
      return flags->detach ? run_detached(session, *flags) : run_up(session, *flags);
    };
  });
}

void add_down(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand("down", "Stop the `weir up` of a state folder");
  auto folder = std::make_shared<std::string>(".weir");
  add_state_dir(*command, *folder);
  command->callback([&session, folder] {
    session.action = [&session, folder] { return run_down(session, *folder); };
  });
}

}  // namespace weir::cli
