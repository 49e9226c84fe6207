// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/process/file_descriptor.h"

extern char**
    environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program.

namespace weir::process {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

/// Of a child that works in its caller's memory until it runs the program.
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

/// What the child could not do.
struct Failure {
  int step = 0;
  int error = 0;
};

/// How the child tells: into the caller's memory where it stands in that, else through a pipe that
/// a successful exec closes.
struct Report {
  std::optional<Failure>* memory = nullptr;
  int pipe = -1;
};

enum Step : std::uint8_t { OutputStep, RightsStep, FolderStep, ParentStep, ExecuteStep };

constexpr std::array<std::string_view, 5> kSteps = {"redirect its output", "take the user's rights",
                                                    "enter its folder", "outlive its parent",
                                                    "execute the program"};

/// Everything the child needs, made before it starts: after that, only async-signal-safe calls are
/// allowed, because another thread may hold any lock.
struct Plan {
  std::string program;
  std::vector<std::string> texts;
  std::vector<char*> argv;
  std::vector<char*> environment;
  const ProcessOptions* options = nullptr;
  const std::vector<int>* signals = nullptr;
  FileDescriptor null;
  FileDescriptor file;
  FileDescriptor lifted_input;  // the caller's descriptors, above the places that the child fills
  FileDescriptor lifted_output;
  FileDescriptor lifted_error;
  int input = -1;
  int output = -1;
  int error_output = -1;
  pid_t parent = 0;
};

Error spawn_failed(const ProcessOptions& options, std::string_view what, int error) {
  return base::unavailable("spawn_failed", "start " + options.argv.front() + ": " +
                                               std::string(what) + ": " + std::strerror(error));
}

std::string find_program(const std::string& name) {
  if (name.contains('/')) return name;
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : base::split(path == nullptr ? "" : path, ':')) {
    std::string candidate(folder.empty() ? "." : folder);
    candidate.append("/").append(name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

std::vector<std::string> child_environment(const ProcessOptions& options) {
  const std::map<std::string, std::string>& changes = options.environment;
  std::vector<std::string> variables;
  for (char** variable = environ; options.inherit_environment && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!changes.contains(std::string(text.substr(0, text.find('=')))))
      variables.emplace_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) variables.emplace_back(name).append("=").append(value);
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

[[noreturn]] void give_up(const Report& report, Step step) {
  const Failure failure = {step, errno};
  if (report.memory != nullptr) {
    *report.memory = failure;
  } else {
    [[maybe_unused]] const ssize_t written = write(report.pipe, &failure, sizeof(failure));
  }
  _exit(127);
}

bool put_at(int descriptor, int place) {
  if (descriptor == place) return fcntl(place, F_SETFD, 0) == 0;
  return dup2(descriptor, place) == place;
}

/// A copy above the places that the child fills, where the descriptor stands in one of them.
bool lift(int& descriptor, FileDescriptor& lifted) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return true;
  lifted = FileDescriptor(fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  descriptor = lifted.number();
  return lifted.open();
}

/// Signals that a program, a shell or a library gives handlers to, or ignores.
constexpr std::array kUsualSignals = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGALRM,
                                      SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD, SIGTSTP,
                                      SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};

/// Those, and whatever else this process handled or ignored when it started its first child: to set
/// each of the 64 costs as much as the rest of the child's way to its program.
const std::vector<int>& signals_to_reset() {
  static const std::vector<int> kSignals = [] {
    std::vector<int> signals(kUsualSignals.begin(), kUsualSignals.end());
    for (int number = 1; number < NSIG; ++number) {
      struct sigaction now = {};
      const bool usual = std::ranges::find(signals, number) != signals.end();
      if (usual || sigaction(number, nullptr, &now) != 0) continue;
      if (now.sa_handler != SIG_DFL) signals.push_back(number);
    }
    return signals;
  }();
  return kSignals;
}

/// No handler of the caller's may run in the child, which may stand in the caller's memory.
void reset_signals(const std::vector<int>& signals) {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (const int number : signals) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(const Plan& plan, const Report& report) {
  const ProcessOptions& options = *plan.options;
  if (options.new_session) {
    setsid();
  } else {
    setpgid(0, 0);
  }
  if (options.file_mask) umask(*options.file_mask);
  if (!put_at(plan.input, STDIN_FILENO)) give_up(report, OutputStep);
  if (plan.output >= 0 && !put_at(plan.output, STDOUT_FILENO)) give_up(report, OutputStep);
  if (plan.error_output >= 0 && !put_at(plan.error_output, STDERR_FILENO)) {
    give_up(report, OutputStep);
  }
  syscall(SYS_close_range, 3U, ~0U, 4U);  // CLOSE_RANGE_CLOEXEC; ours have the flag anyway
  if (options.run_as && !become_user(*options.run_as)) give_up(report, RightsStep);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) give_up(report, FolderStep);
  reset_signals(*plan.signals);
  // After the change of rights, which clears it. A parent that died before it is seen here.
  if (prctl(PR_SET_PDEATHSIG, options.death_signal) != 0) give_up(report, ParentStep);
  if (getppid() != plan.parent) give_up(report, ParentStep);
  execve(plan.program.c_str(), plan.argv.data(), plan.environment.data());
  give_up(report, ExecuteStep);
}

Result<Plan> make_plan(const ProcessOptions& options, std::vector<std::string>& argv,
                       std::vector<std::string>& environment) {
  Plan plan;
  plan.program = find_program(argv.front());
  plan.argv = pointers(argv);
  plan.environment = pointers(environment);
  plan.options = &options;
  plan.signals = &signals_to_reset();
  plan.parent = getpid();
  plan.input = options.input;
  if (plan.input < 0) {
    plan.null = FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!plan.null.open()) return spawn_failed(options, "open /dev/null", errno);
    plan.input = plan.null.number();
  }
  plan.output = options.output;
  if (!options.output_path.empty() && options.output < 0) {
    plan.file = FileDescriptor(
        open(options.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!plan.file.open()) return spawn_failed(options, "open " + options.output_path, errno);
    plan.output = plan.file.number();
  }
  plan.error_output = options.error_output >= 0 ? options.error_output : plan.output;
  if (!lift(plan.input, plan.lifted_input) || !lift(plan.output, plan.lifted_output) ||
      !lift(plan.error_output, plan.lifted_error)) {
    return spawn_failed(options, "lift its descriptors", errno);
  }
  return plan;
}

/// The child's side, of one that works in this memory: where it begins.
struct Borrowed {
  const Plan* plan = nullptr;
  Report report = {};
};

[[noreturn]] int run_borrowed(void* context) {
  const auto* borrowed = static_cast<const Borrowed*>(context);
  run_child(*borrowed->plan, borrowed->report);
}

/// Memory of a thread for the children it starts, one at a time; none if there is none to be had.
class Stack {
 public:
  Stack()
      : begin_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~Stack() {
    if (begin_ != MAP_FAILED) munmap(begin_, kStackBytes);
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  char* end() const {
    return begin_ == MAP_FAILED ? nullptr : static_cast<char*>(begin_) + kStackBytes;
  }

 private:
  void* begin_;
};

/// A child that stands in this process's memory, on a stack of its own, until it runs the program;
/// the caller sleeps until then. Its cost does not grow with the process, unlike that of a copy.
/// The stack is the thread's: to unmap one interrupts every processor that runs this process.
pid_t start_borrowed(const Plan& plan, std::optional<Failure>& failure, FileDescriptor& pid_fd) {
  thread_local Stack stack;
  if (stack.end() == nullptr) {
    errno = ENOMEM;
    return -1;
  }
  Borrowed borrowed{&plan, {.memory = &failure}};
  constexpr int kFlags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  int descriptor = -1;
  // No handler runs in it before reset_signals; by number: the library's own signals as well. Not
  // that a child has ended, which nobody handles: where it is blocked, the kernel keeps it for
  // another thread and wakes that one, for each child that ends while another begins.
  const std::uint64_t all = ~(std::uint64_t{1} << (SIGCHLD - 1));
  std::uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
  const pid_t pid = clone(run_borrowed, stack.end(), kFlags, &borrowed, &descriptor);
  const int error = errno;
  if (pid > 0) pid_fd = FileDescriptor(descriptor);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof(before));
  errno = error;
  return pid;
}

/// A child with a copy of this process's memory.
pid_t start_copy(const Plan& plan, std::optional<Failure>& failure, FileDescriptor& pid_fd) {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  FileDescriptor from_child(ends[0]);
  FileDescriptor low(ends[1]);
  // Above the places that the child fills.
  FileDescriptor report(fcntl(low.number(), F_DUPFD_CLOEXEC, 3));
  if (!report.open()) return -1;
  const pid_t pid = fork();
  if (pid == 0) run_child(plan, {.pipe = report.number()});
  if (pid < 0) return pid;
  pid_fd = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  low.close();
  report.close();
  Failure told;
  ssize_t got = 0;
  do {
    got = read(from_child.number(), &told, sizeof(told));
  } while (got < 0 && errno == EINTR);
  if (got != 0) failure = told;
  return pid;
}

}  // namespace

Result<pid_t> spawn_process(const ProcessOptions& options, FileDescriptor* pid_fd) {
  if (options.argv.empty()) return base::invalid_argument("spawn_failed", "no program was named");
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> environment = child_environment(options);
  WEIR_TRY(const Plan plan, make_plan(options, argv, environment));
  // A change of rights needs a copy: the library carries it out in all threads of a memory. So do
  // the sanitizers, which keep books on each function of a thread.
  const bool copied = kSanitized || options.run_as;
  std::optional<Failure> failure;
  FileDescriptor process;
  const pid_t pid =
      copied ? start_copy(plan, failure, process) : start_borrowed(plan, failure, process);
  if (pid < 0) return spawn_failed(options, "fork", errno);
  if (!failure) {
    if (pid_fd != nullptr) *pid_fd = std::move(process);
    return pid;
  }
  waitpid(pid, nullptr, 0);
  return spawn_failed(options, kSteps.at(static_cast<std::size_t>(failure->step)), failure->error);
}

}  // namespace weir::process
