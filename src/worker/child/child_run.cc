// SPDX-License-Identifier: Apache-2.0
#include "worker/child/child_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/files/durable_file.h"
#include "drivers/process/pid_fd.h"
#include "worker/child/last_line.h"
#include "worker/child/limits.h"
#include "worker/child/scrubber.h"
#include "worker/child/task_log.h"

namespace weir::worker {
namespace {

using process::FileDescriptor;

/// poll() counts in an int; a later deadline is looked at again then.
constexpr std::int64_t kPollMillisecondsMax = 3'600'000;

Error no_descriptor(const char* what) {
  return base::unavailable("no_descriptor", std::string(what) + ": " + std::strerror(errno));
}

/// The input as a file of its own in memory: no pipe that either side could block on.
Result<FileDescriptor> make_input(std::string_view bytes) {
  FileDescriptor file(memfd_create("task", MFD_CLOEXEC));
  if (!file.open() || !files::write_all(file.number(), bytes) ||
      lseek(file.number(), 0, SEEK_SET) != 0) {
    return no_descriptor("memory for its input");
  }
  return file;
}

struct Pipe {
  FileDescriptor from;
  FileDescriptor to;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return no_descriptor("a pipe for its output");
  Pipe pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

/// One of the two streams of a child.
class Stream {
 public:
  Stream(FileDescriptor from, const std::vector<std::string>& secrets, TaskLog& log)
      : from_(std::move(from)), scrubber_(secrets), log_(log) {}

  int descriptor() const { return from_.number(); }
  const LastLine& last_line() const { return last_; }

  /// Reads what is there, once; false at the end or if nothing is there.
  bool read_some() {
    if (!from_.open()) return false;
    std::array<char, kReadBytes> block;  // NOLINT(*-member-init): read() fills it
    const ssize_t got = ::read(from_.number(), block.data(), block.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      take(scrubber_.finish());
      from_.close();
      return false;
    }
    take(scrubber_.feed({block.data(), static_cast<std::size_t>(got)}));
    return true;
  }

  /// Reads what is left in the pipe, without waiting for others who may still hold its other end.
  void finish() {
    for (int reads = 0; reads < kLastReadsMax && read_some(); ++reads) {
    }
    if (!from_.open()) return;
    take(scrubber_.finish());
    from_.close();
  }

 private:
  void take(const std::string& shown) {
    log_.append(shown);
    last_.feed(shown);
  }

  FileDescriptor from_;
  Scrubber scrubber_;
  TaskLog& log_;
  LastLine last_;
};

/// A started child, until it is collected.
class Child {
 public:
  Child(const ChildSpec& spec, StopSignal& stop, const Clock& clock)
      : spec_(spec), stop_(stop), clock_(clock), log_(spec.log_path) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_.pid > 0) collect();
    stop_.unwatch();
  }

  Result<void> start() {
    WEIR_TRY(asked_to_stop_, stop_.watch());
    WEIR_TRY(FileDescriptor input, make_input(spec_.input));
    WEIR_TRY(Pipe out, make_pipe());
    WEIR_TRY(Pipe err, make_pipe());
    process::ProcessOptions options;
    options.argv = spec_.argv;
    options.environment = spec_.environment;
    options.inherit_environment = false;
    options.folder = spec_.folder;
    options.input = input.number();
    options.output = out.to.number();
    options.error_output = err.to.number();
    options.file_mask = 0077;
    options.death_signal = SIGKILL;
    WEIR_TRY(process_, process::start_process(options));
    out_.emplace(std::move(out.from), spec_.secrets, log_);
    err_.emplace(std::move(err.from), spec_.secrets, log_);
    return {};
  }

  ChildEnd run() {
    while (!wait()) {
    }
    ChildEnd end;
    end.exit = collect();
    out_->finish();
    err_->finish();
    end.stop = stop_.wish();
    end.last_line = out_->last_line().text();
    end.last_line_cut = out_->last_line().too_long();
    end.last_complaint = err_->last_line().text();
    return end;
  }

 private:
  /// Sleeps until something is to be read, the child ends, a stop is asked for, or time is over;
  /// whether it has ended.
  bool wait() {
    std::array<pollfd, 4> watched = {{{out_->descriptor(), POLLIN, 0},
                                      {err_->descriptor(), POLLIN, 0},
                                      {process_.pid_fd.number(), POLLIN, 0},
                                      {asked_to_stop_, POLLIN, 0}}};
    if (poll(watched.data(), watched.size(), milliseconds_left()) < 0) return false;
    if (watched[2].revents != 0) return true;
    if (watched[0].revents != 0) out_->read_some();
    if (watched[1].revents != 0) err_->read_some();
    if (watched[3].revents != 0) stop_.clear();
    advance();
    return false;
  }

  int milliseconds_left() const {
    if (killed_) return -1;
    std::optional<Duration> next = kill_at_;
    if (spec_.deadline && !is_past_deadline_ && (!next || *spec_.deadline < *next)) {
      next = spec_.deadline;
    }
    if (!next) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.monotonic()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, kPollMillisecondsMax));
  }

  /// SIGTERM when a stop is due, SIGKILL when its grace is over.
  void advance() {
    const Duration now = clock_.monotonic();
    if (spec_.deadline && now >= *spec_.deadline && !is_past_deadline_) {
      is_past_deadline_ = true;
      stop_.ask({StopReason::Deadline, spec_.kill_after});
    }
    const StopWish wish = stop_.wish();
    if (wish.reason == StopReason::None) return;
    if (!asked_at_) {
      asked_at_ = now;
      signal_group(SIGTERM);
    }
    kill_at_ = *asked_at_ + wish.grace;
    if (!killed_ && now >= *kill_at_) {
      killed_ = true;
      signal_group(SIGKILL);
    }
  }

  void signal_group(int number) const { kill(-process_.pid, number); }

  /// The group is killed while its leader's number is still taken by the leader.
  process::ProcessExit collect() {
    signal_group(SIGKILL);
    int status = 0;
    while (waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    process_.pid = -1;
    if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
    return {WEXITSTATUS(status), 0};
  }

  const ChildSpec& spec_;
  StopSignal& stop_;
  int asked_to_stop_ = -1;  // its descriptor
  const Clock& clock_;
  TaskLog log_;
  process::Process process_;
  std::optional<Stream> out_;
  std::optional<Stream> err_;
  std::optional<Duration> asked_at_;
  std::optional<Duration> kill_at_;
  bool is_past_deadline_ = false;
  bool killed_ = false;
};

}  // namespace

Result<ChildEnd> run_child(const ChildSpec& spec, StopSignal& stop, const Clock& clock,
                           const std::function<void()>& started) {
  StopWish wish = stop.wish();
  if (wish.reason != StopReason::None) {
    ChildEnd end;
    end.stop = std::move(wish);
    return end;
  }
  Child child(spec, stop, clock);
  WEIR_CHECK(child.start());
  if (started) started();
  return child.run();
}

}  // namespace weir::worker
