// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/plane.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "drivers/process/spawn.h"

namespace weir::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kServingSeconds = 20;
constexpr auto kLook = std::chrono::microseconds(500);
constexpr auto kStop = std::chrono::seconds(20);

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Error faulty(const std::string& what, const std::string& said) {
  return base::unavailable("bench_failed", what + ": " + said);
}

}  // namespace

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::unique_ptr<Plane>> Plane::create() {
  std::string name = (fs::temp_directory_path() / "weir-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return faulty(name, "cannot make this folder");
  fs::permissions(name, fs::perms(0755));
  return std::unique_ptr<Plane>(new Plane(name));
}

Plane::~Plane() {
  if (const auto done = down(); !done.ok()) {
    std::fprintf(stderr, "bench tasks: %s\n", done.error().describe().c_str());
  }
  if (const auto done = stop_database(); !done.ok()) {
    std::fprintf(stderr, "bench tasks: %s\n", done.error().describe().c_str());
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<void> Plane::up(std::size_t slots) {
  WEIR_CHECK(
      weir({"up", "--detach", "--grpc-port", "0", "--http-port", "0", "--tasks-port", "0",
            "--worker-slots", std::to_string(slots), "--operators", path("operators.json").string(),
            "--ingest-root", "market=" WEIR_SOURCE_DIR "/examples/market"}));
  up_ = true;
  return {};
}

Result<void> Plane::down() {
  if (!up_) return {};
  up_ = false;
  WEIR_CHECK(weir({"down"}));
  return {};
}

Result<void> Plane::start_database() {
  WEIR_TRY(cluster_,
           postgres::PrivateCluster::create(
               {.state_dir = state(), .settings = {{"shared_buffers", "512MB"}}}, clock_));
  return cluster_->start();
}

Result<void> Plane::stop_database() {
  if (!cluster_) return {};
  auto stopped = cluster_->stop();
  cluster_.reset();
  return stopped;
}

Result<double> Plane::start_dispatcher() {
  const fs::path log = path("dispatcher.log");
  std::error_code ignored;
  fs::remove(log, ignored);
  const double began = seconds_now();
  WEIR_TRY(const auto process,
           process::ChildProcess::spawn(
               {.argv = {WEIR_PROGRAM, "dispatcher", "--config", (state() / "weir.yml").string()},
                .output_path = log.string()}));
  double took = 0;
  while (text_of(log).find("\"serving\"") == std::string::npos) {
    took = seconds_now() - began;
    if (took > kServingSeconds) return faulty("the dispatcher does not serve", text_of(log));
    std::this_thread::sleep_for(kLook);
  }
  took = seconds_now() - began;
  process->terminate(kStop);
  return took;
}

Result<std::string> Plane::weir(std::vector<std::string> words) {
  words.insert(words.begin(), WEIR_PROGRAM);
  const fs::path output = path("output");
  std::error_code ignored;
  fs::remove(output, ignored);
  WEIR_TRY(const pid_t child,
           process::spawn_process({.argv = words,
                                   .environment = {{"WEIR_STATE_DIR", state().string()},
                                                   {"WEIR_URL", ""},
                                                   {"WEIR_TOKEN_FILE", ""}},
                                   .output_path = output.string(),
                                   .death_signal = 0}));
  int status = 0;
  ::waitpid(child, &status, 0);
  std::string said = text_of(output);
  if (status == 0) return said;
  std::string line;
  for (const std::string& word : words) line += word + " ";
  return faulty(line, said);
}

std::string Plane::dsn_of(const std::string& role) const {
  return "host=" + (state() / "pg" / "socket").string() + " port=5432 dbname=weir user=" + role;
}

Result<std::unique_ptr<postgres::Connection>> Plane::superuser() const {
  return postgres::Connection::connect({.dsn = dsn_of("postgres"),
                                        .application_name = "bench",
                                        .reply_timeout = std::chrono::minutes(10)});
}

double Plane::database_seconds() const {
  std::istringstream pid_file(text_of(state() / "pg" / "data" / "postmaster.pid"));
  pid_t postmaster = 0;
  pid_file >> postmaster;
  double ticks = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // pid (name) state ppid … utime stime cutime cstime: fields 14 to 17.
    const std::string stat = text_of(entry.path() / "stat");
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
    std::string word;
    pid_t parent = 0;
    fields >> word >> parent;
    const bool own = std::stol(name) == postmaster;
    if (!own && parent != postmaster) continue;
    for (int skipped = 0; skipped < 9; ++skipped) fields >> word;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    ticks += user + system;
    if (own && fields >> user >> system) ticks += user + system;  // those that have ended
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::string Plane::write(std::string_view name, std::string_view text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name).string();
}

std::vector<pid_t> Plane::processes(std::string_view role) const {
  std::vector<pid_t> found;
  const std::string config = (state() / "weir.yml").string();
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = text_of(entry.path() / "cmdline");
    const std::string wanted = std::string(1, '\0') + std::string(role) + '\0';
    if (line.find(config) != std::string::npos && line.find(wanted) != std::string::npos) {
      found.push_back(static_cast<pid_t>(std::stol(name)));
    }
  }
  return found;
}

}  // namespace weir::bench
