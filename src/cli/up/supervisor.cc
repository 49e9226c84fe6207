// SPDX-License-Identifier: Apache-2.0
#include "cli/up/supervisor.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ranges>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/console/text_file.h"
#include "cli/up/limits.h"
#include "cli/up/readiness.h"
#include "drivers/process/own_program.h"
#include "server/http/listen_address.h"

namespace weir::cli {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr int kSignalExit = 128;

/// Puts a log aside that has grown too large.
void bound_log(const std::filesystem::path& log) {
  std::error_code error;
  if (std::filesystem::file_size(log, error) <= kLogBytesMax || error) return;
  std::filesystem::rename(log, log.string() + ".1", error);
}

/// Settings that `weir up` decides itself: the caller's environment must not move the children to
/// another store or port than we watch.
std::map<std::string, std::string> without_settings(std::string_view prefix,
                                                    std::initializer_list<const char*> keys) {
  std::map<std::string, std::string> removed;
  for (const char* key : keys) removed[std::string(prefix) + key] = "";
  return removed;
}

constexpr const char* kDispatcher = "the dispatcher";

std::string http_url(std::uint16_t port) {
  return "http://" + server::ListenAddress{.host = kHost, .port = port}.text();
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
  if (ports_.tasks) {
    WEIR_TRY(task_folders_, prepare_task_folders(folder_->paths()));
    worker_due_ = true;
  }
  events_.starting("PostgreSQL");
  WEIR_CHECK(postgres_->start());
  postgres_since_ = clock_.monotonic();
  postgres_budget_.was_ready();
  events_.starting(ports_.tasks ? "DAG manager, dispatcher and worker" : "DAG manager");
  WEIR_CHECK(write_config());
  if (ports_.tasks) WEIR_CHECK(start_child(dispatcher_plan()));
  return start_child(dagmanager_plan());
}

Result<void> Supervisor::start_child(KeptChildPlan plan) {
  bound_log(plan.log);
  children_.push_back(std::make_unique<KeptChild>(std::move(plan), *wakeup_, clock_));
  return children_.back()->start();
}

Result<void> Supervisor::write_config() {
  const std::string dsn = yaml_quoted(postgres_->dsn());
  std::string text =
      "# Written by `weir up`, anew at each start. Other keys (`weir init` explains them all) can "
      "be\n"
      "# set in its environment: QMTL__DAGMANAGER__<KEY>, WEIR__DISPATCHER__<KEY>, "
      "WEIR__WORKER__<KEY>.\n"
      "dagmanager:\n";
  text += "  graph_dsn: " + dsn + "\n";
  if (options_.kafka.empty()) {
    text += "  topics_dsn: " + dsn + "\n";
  } else {
    const std::string brokers = yaml_quoted("kafka://" + options_.kafka);
    text += "  topics_dsn: " + brokers + "\n";
    text += "  controlbus_dsn: " + brokers + "\n";
  }
  text += std::string("  grpc_host: ") + kHost + "\n";
  text += "  grpc_port: " + std::to_string(ports_.grpc) + "\n";
  text += std::string("  http_host: ") + kHost + "\n";
  text += "  http_port: " + std::to_string(ports_.http) + "\n";
  if (ports_.tasks) {
    text += task_plane_yaml({.paths = folder_->paths(),
                             .folders = task_folders_,
                             .dsn = postgres_->dsn(),
                             .host = kHost,
                             .port = *ports_.tasks,
                             .options = options_.tasks});
  }
  return write_text_file(folder_->paths().config_file(), text);
}

KeptChildPlan Supervisor::dagmanager_plan() const {
  const server::ListenAddress http{.host = kHost, .port = ports_.http};
  return {.name = "the DAG manager",
          .process = {.argv = {process::own_program(), "dagmanager", "server", "--config",
                               folder_->paths().config_file().string()},
                      .environment = without_settings(
                          "QMTL__DAGMANAGER__",
                          {"GRAPH_DSN", "NEO4J_DSN", "TOPICS_DSN", "KAFKA_DSN", "CONTROLBUS_DSN",
                           "MEMORY_REPO_PATH", "GRPC_HOST", "GRPC_PORT", "HTTP_HOST", "HTTP_PORT"}),
                      .output_path = folder_->paths().log("dagmanager").string(),
                      .death_signal = SIGKILL},
          .ready = [http] { return is_ready(http); },
          .log = folder_->paths().log("dagmanager")};
}

KeptChildPlan Supervisor::dispatcher_plan() const {
  const server::ListenAddress http{.host = kHost, .port = *ports_.tasks};
  return {.name = kDispatcher,
          .process = {.argv = {process::own_program(), "dispatcher", "--config",
                               folder_->paths().config_file().string()},
                      .environment = without_settings(
                          "WEIR__DISPATCHER__",
                          {"STATE_DSN", "DATA_DSN", "OBJECT_ROOT", "INGEST_ROOTS", "OPERATORS_FILE",
                           "HTTP_HOST", "HTTP_PORT", "INTERNAL_SOCKET", "TASK_SOCKET",
                           "WORKER_TOKEN_FILE", "CAPABILITY_KEY_FILE", "ISSUER_KEY_FILE",
                           "USER_TOKEN_FILE", "JWKS_FILE"}),
                      .output_path = folder_->paths().log("dispatcher").string(),
                      .death_signal = SIGKILL},
          .ready = [http] { return is_ready(http); },
          .log = folder_->paths().log("dispatcher")};
}

KeptChildPlan Supervisor::worker_plan() const {
  return {.name = "the worker",
          .process = {.argv = {process::own_program(), "worker", "--config",
                               folder_->paths().config_file().string()},
                      .environment = without_settings(
                          "WEIR__WORKER__",
                          {"INTERNAL_SOCKET", "WORKER_TOKEN_FILE", "OBJECT_ROOT", "INGEST_ROOTS",
                           "OPERATORS_FILE", "DATA_DSN", "SCRATCH_FOLDER", "LOG_FOLDER", "SLOTS"}),
                      .output_path = folder_->paths().log("worker").string(),
                      .death_signal = SIGKILL},
          .ready_words = R"("msg":"working")",
          .log = folder_->paths().log("worker")};
}

Result<std::optional<int>> Supervisor::step() {
  wakeup_->clear();
  if (watch_->came) return std::optional<int>(0);
  if (command_) {
    if (const std::optional<int> code = command_ended()) return code;
  }
  WEIR_CHECK(tend_postgres());
  WEIR_CHECK(tend_children());
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
  // A start that fails counts like a death: the next look, at once, finds that it does not run.
  if (const auto started = postgres_->start(); !started.ok()) {
    events_.noted(started.error().describe());
    wakeup_->set();
    return {};
  }
  events_.noted("PostgreSQL is back");
  return {};
}

Result<void> Supervisor::tend_children() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    WEIR_TRY(const KeptChild::News news, children_[i]->tend());
    switch (news) {
      case KeptChild::News::None:
        break;
      case KeptChild::News::Restarting:
        events_.noted(children_[i]->name() + " ended (" + children_[i]->last_end() +
                      "); it is started again");
        break;
      case KeptChild::News::Ready:
        WEIR_CHECK(child_is_ready(i));
        break;
    }
  }
  return {};
}

Result<void> Supervisor::child_is_ready(std::size_t number) {
  if (announced_) {
    events_.noted(children_[number]->name() + " is back");
    return {};
  }
  ready_once_.insert(number);
  if (worker_due_ && children_[number]->name() == kDispatcher) {
    worker_due_ = false;
    return start_child(worker_plan());
  }
  return ready_once_.size() == children_.size() && !worker_due_ ? announce() : Result<void>();
}

Result<void> Supervisor::announce() {
  announced_ = true;
  WEIR_CHECK(folder_->note(note()));
  events_.ready(note());
  return options_.command.empty() ? Result<void>() : start_command();
}

std::map<std::string, std::string> Supervisor::command_environment() const {
  const UpNote note = this->note();
  std::map<std::string, std::string> added = {{"WEIR_TARGET", note.grpc},
                                              {"WEIR_HTTP", note.http},
                                              {"WEIR_STATE_DIR", folder_->paths().root.string()}};
  if (!note.tasks.empty()) {
    added["WEIR_URL"] = note.tasks;
    added["WEIR_TOKEN_FILE"] = folder_->paths().user_token().string();
  }
  return added;
}

Result<void> Supervisor::start_command() {
  WEIR_TRY(command_, process::ChildProcess::spawn(
                         {.argv = options_.command, .environment = command_environment()},
                         [this](const process::ProcessExit&) { wakeup_->set(); }));
  return {};
}

std::optional<int> Supervisor::command_ended() {
  const auto exit = command_->wait(Duration::zero());
  if (!exit) return {};
  return exit->signal == 0 ? exit->code : kSignalExit + exit->signal;
}

void Supervisor::wait() {
  std::optional<Duration> due = postgres_again_;
  for (const auto& child : children_) {
    if (const auto next = child->due()) due = due ? std::min(*due, *next) : *next;
  }
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
  for (const auto& child : std::views::reverse(children_)) child->stop();
  return postgres_->stop();
}

UpNote Supervisor::note() const {
  return {.pid = getpid(),
          .grpc = server::ListenAddress{.host = kHost, .port = ports_.grpc}.text(),
          .http = http_url(ports_.http),
          .tasks = ports_.tasks ? http_url(*ports_.tasks) : std::string()};
}

}  // namespace weir::cli
