// SPDX-License-Identifier: Apache-2.0
#include "cli/up/supervisor.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/console/text_file.h"
#include "cli/up/limits.h"
#include "cli/up/readiness.h"
#include "server/listen_address.h"

namespace weir::cli {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr int kSignalExit = 128;

/// A text as a YAML scalar in single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string("weir") : path.string();
}

/// Puts a log aside that has grown too large.
void bound_log(const std::filesystem::path& log) {
  std::error_code error;
  if (std::filesystem::file_size(log, error) <= kLogBytesMax || error) return;
  std::filesystem::rename(log, log.string() + ".1", error);
}

/// Settings that `weir up` decides itself: the caller's environment must not move the children to
/// another store or port than we watch.
std::map<std::string, std::string> without_own_settings() {
  std::map<std::string, std::string> removed;
  for (const char* key : {"GRAPH_DSN", "NEO4J_DSN", "TOPICS_DSN", "KAFKA_DSN", "MEMORY_REPO_PATH",
                          "GRPC_HOST", "GRPC_PORT", "HTTP_HOST", "HTTP_PORT"}) {
    removed[std::string("QMTL__DAGMANAGER__") + key] = "";
  }
  return removed;
}

}  // namespace

/// The thread that waits for a signal and wakes the supervisor.
struct Supervisor::SignalWatch {
  SignalWatch(server::ShutdownSignals& signals, Wakeup& wakeup)
      : signals_(signals), thread_([this, &wakeup] {
          signals_.wait();
          came = true;
          wakeup.set();
        }) {}
  ~SignalWatch() {
    signals_.request();
    thread_.join();
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  std::atomic<bool> came = false;

 private:
  server::ShutdownSignals& signals_;
  std::thread thread_;
};

Result<std::unique_ptr<Supervisor>> Supervisor::create(UpOptions options, Events events,
                                                       Clock& clock, Random& random) {
  std::unique_ptr<Supervisor> up(
      new Supervisor(std::move(options), std::move(events), clock, random));
  WEIR_TRY(up->folder_, StateFolder::take(up->options_.state_dir));
  UpNote begun;
  begun.pid = getpid();
  WEIR_CHECK(up->folder_->note(begun));
  WEIR_TRY(up->wakeup_, Wakeup::create());
  WEIR_TRY(up->signals_, server::ShutdownSignals::create());
  up->watch_ = std::make_unique<SignalWatch>(*up->signals_, *up->wakeup_);
  WEIR_TRY(up->postgres_,
           postgres::PrivateCluster::create({.state_dir = up->folder_->path()}, clock));
  return up;
}

Supervisor::Supervisor(UpOptions options, Events events, Clock& clock, Random& random)
    : options_(std::move(options)), events_(std::move(events)), clock_(clock), random_(random) {}

Supervisor::~Supervisor() = default;

Result<int> Supervisor::run() {
  Result<void> begun = start();
  Result<std::optional<int>> code = std::optional<int>();
  while (begun.ok() && code.ok() && !*code) {
    wait();
    code = step();
  }
  const Result<void> stopped = stop();
  WEIR_CHECK(begun);
  if (!code.ok()) return code.error();
  WEIR_CHECK(stopped);
  return code->value_or(0);
}

Result<void> Supervisor::start() {
  WEIR_TRY(ports_, choose_ports(options_.ports, clock_, random_));
  events_.starting("PostgreSQL");
  WEIR_CHECK(postgres_->start());
  postgres_since_ = clock_.monotonic();
  postgres_budget_.was_ready();
  events_.starting("DAG manager");
  WEIR_CHECK(write_config());
  bound_log(folder_->dagmanager_log());
  dagmanager_ = std::make_unique<KeptChild>(dagmanager_plan(), *wakeup_, clock_);
  return dagmanager_->start();
}

Result<void> Supervisor::write_config() {
  const std::string dsn = quoted(postgres_->dsn());
  return write_text_file(folder_->config_file(),
                         "# Written by `weir up`, anew at each start. Other keys (`weir init` "
                         "explains them all) can be\n"
                         "# set in its environment: QMTL__DAGMANAGER__<KEY>.\n"
                         "dagmanager:\n"
                         "  graph_dsn: " +
                             dsn + "\n" + "  topics_dsn: " + dsn + "\n" + "  grpc_host: " + kHost +
                             "\n" + "  grpc_port: " + std::to_string(ports_.grpc) + "\n" +
                             "  http_host: " + kHost + "\n" +
                             "  http_port: " + std::to_string(ports_.http) + "\n");
}

KeptChildPlan Supervisor::dagmanager_plan() const {
  const server::ListenAddress http{.host = kHost, .port = ports_.http};
  return {.name = "the DAG manager",
          .process = {.argv = {own_program(), "dagmanager", "server", "--config",
                               folder_->config_file().string()},
                      .environment = without_own_settings(),
                      .output_path = folder_->dagmanager_log().string(),
                      .death_signal = SIGKILL},
          .ready = [http] { return is_ready(http); },
          .log = folder_->dagmanager_log()};
}

Result<std::optional<int>> Supervisor::step() {
  wakeup_->clear();
  if (watch_->came) return std::optional<int>(0);
  if (command_) {
    if (const std::optional<int> code = command_ended()) return code;
  }
  WEIR_CHECK(tend_postgres());
  WEIR_CHECK(tend_dagmanager());
  return std::optional<int>();
}

Result<void> Supervisor::tend_postgres() {
  if (postgres_->running()) return {};
  if (!postgres_again_) {
    const auto wait = postgres_budget_.spend(clock_.monotonic() - postgres_since_);
    if (!wait) {
      return base::unavailable("child_failed", "PostgreSQL died again and again; the end of " +
                                                   postgres_->log_file().string() + ":\n" +
                                                   log_tail(postgres_->log_file()));
    }
    events_.noted("PostgreSQL died; it is started again");
    postgres_again_ = clock_.monotonic() + *wait;
  }
  if (clock_.monotonic() < *postgres_again_) return {};
  postgres_again_.reset();
  postgres_since_ = clock_.monotonic();
  // A start that fails counts like a death: the next look finds that it does not run.
  if (const auto started = postgres_->start(); !started.ok()) {
    events_.noted(started.error().describe());
    return {};
  }
  events_.noted("PostgreSQL is back");
  return {};
}

Result<void> Supervisor::tend_dagmanager() {
  WEIR_TRY(const KeptChild::News news, dagmanager_->tend());
  switch (news) {
    case KeptChild::News::None:
      return {};
    case KeptChild::News::Restarting:
      events_.noted("the DAG manager ended (" + dagmanager_->last_end() + "); it is started again");
      return {};
    case KeptChild::News::Ready:
      return announce();
  }
  return {};
}

Result<void> Supervisor::announce() {
  if (announced_) {
    events_.noted("the DAG manager is back");
    return {};
  }
  announced_ = true;
  WEIR_CHECK(folder_->note(note()));
  events_.ready(note());
  return options_.command.empty() ? Result<void>() : start_command();
}

Result<void> Supervisor::start_command() {
  WEIR_TRY(command_,
           process::ChildProcess::spawn(
               {.argv = options_.command,
                .environment = {{"WEIR_TARGET", note().grpc}, {"WEIR_HTTP", note().http}}},
               [this](const process::ProcessExit&) { wakeup_->set(); }));
  return {};
}

std::optional<int> Supervisor::command_ended() {
  const auto exit = command_->wait(Duration::zero());
  if (!exit) return {};
  return exit->signal == 0 ? exit->code : kSignalExit + exit->signal;
}

void Supervisor::wait() {
  std::optional<Duration> due = dagmanager_->due();
  if (postgres_again_) due = due ? std::min(*due, *postgres_again_) : *postgres_again_;
  int milliseconds = -1;
  if (due) {
    const auto left = std::max(*due - clock_.monotonic(), Duration::zero());
    milliseconds = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
  }
  std::array<pollfd, 2> watched = {
      pollfd{.fd = wakeup_->fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = postgres_->exit_fd(), .events = POLLIN, .revents = 0}};
  poll(watched.data(), watched.size(), milliseconds);
}

Result<void> Supervisor::stop() {
  if (command_) command_->terminate(kStopTimeout);
  if (dagmanager_) dagmanager_->stop();
  return postgres_->stop();
}

UpNote Supervisor::note() const {
  return {.pid = getpid(),
          .grpc = server::ListenAddress{.host = kHost, .port = ports_.grpc}.text(),
          .http = "http://" + server::ListenAddress{.host = kHost, .port = ports_.http}.text()};
}

}  // namespace weir::cli
