// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/postgres_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "drivers/postgres/cluster_files.h"
#include "drivers/process/pid_fd.h"
#include "tests/must.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;
using postgres::PrivateCluster;
using process::FileDescriptor;

const std::string kPrefix = "weir-test-";

class RealClock final : public Clock {
 public:
  Instant now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  Duration monotonic() const override {
    return std::chrono::duration_cast<Duration>(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  void sleep_for(Duration span) override {
    poll(nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(span).count()));
  }
};

/// Where temporary folders are: in memory where there is room for the servers of many tests, since
/// making and removing the files of databases is most of what a disk does for them.
fs::path folder_above() {
  constexpr std::uintmax_t kRoom = std::uintmax_t{2} << 30;
  std::error_code error;
  const fs::space_info memory = fs::space("/dev/shm", error);
  const bool fits = !error && memory.available >= kRoom && access("/dev/shm", W_OK | X_OK) == 0;
  return fits ? "/dev/shm" : "/tmp";
}

/// A folder that says whose it is, and that the server's user may pass.
fs::path make_temporary_folder() {
  std::string path = folder_above() / (kPrefix + std::to_string(getpid()) + "-XXXXXX");
  if (mkdtemp(path.data()) == nullptr || chmod(path.c_str(), 0711) != 0) give_up("mkdtemp");
  return path;
}

/// Removes what killed test processes left: their servers ended with them.
void remove_leftovers() {
  for (const char* above : {"/dev/shm", "/tmp"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(above, error)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(kPrefix)) continue;
      const int pid = std::atoi(name.c_str() + kPrefix.size());
      if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) continue;
      fs::remove_all(entry.path(), error);
    }
  }
}

postgres::PrivateClusterConfig bare_config(const fs::path& state_dir) {
  postgres::PrivateClusterConfig config;
  config.state_dir = state_dir;
  config.fsync = false;
  config.settings = {
      {"shared_buffers", "16MB"}, {"autovacuum_naptime", "5s"}, {"max_wal_size", "128MB"}};
  return config;
}

/// A data folder with role and database, made once a build folder and copied ever after.
fs::path template_data() {
  const fs::path folder = fs::path(WEIR_BINARY_DIR) / "postgres_template";
  const fs::path data = folder / "data";
  fs::create_directories(folder);
  const FileDescriptor lock(open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.open() || flock(lock.number(), LOCK_EX) != 0) give_up("lock of the template");
  const fs::path binaries = must(postgres::find_binaries({}, {}));
  // Another version of PostgreSQL since: its binaries' folder has the version in its name.
  const auto version = postgres::data_version(data);
  if (version && binaries.parent_path().filename() == std::to_string(*version)) return data;

  fs::remove_all(data);
  const fs::path scratch = make_temporary_folder();
  {
    auto cluster = must(PrivateCluster::create(bare_config(scratch), real_clock()));
    must(cluster->start());
    must(cluster->stop());
    fs::remove_all(folder / "data.new");
    must(postgres::copy_data(cluster->data_dir(), folder / "data.new", std::nullopt));
  }
  fs::rename(folder / "data.new", data);
  fs::remove_all(scratch);
  return data;
}

/// Stops the server before the folder goes; the clock is the last to go.
class Shared {
 public:
  Shared() {
    remove_leftovers();
    state_dir_ = make_temporary_folder();
    cluster_ = must(PrivateCluster::create(test_cluster_config(state_dir_), real_clock()));
    must(cluster_->start());
  }
  ~Shared() {
    cluster_.reset();
    std::error_code error;
    fs::remove_all(state_dir_, error);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  PrivateCluster& cluster() { return *cluster_; }

 private:
  fs::path state_dir_;
  std::unique_ptr<PrivateCluster> cluster_;
};

std::unique_ptr<postgres::Connection> connect_to(const std::string& dsn) {
  postgres::ConnectOptions options;
  options.dsn = dsn;
  return must(postgres::Connection::connect(options));
}

}  // namespace

Clock& real_clock() {
  static RealClock clock;
  return clock;
}

postgres::PrivateClusterConfig test_cluster_config(const fs::path& state_dir) {
  postgres::PrivateClusterConfig config = bare_config(state_dir);
  config.template_data_dir = template_data();
  return config;
}

PrivateCluster& shared_cluster() {
  real_clock();
  static Shared shared;
  return shared.cluster();
}

FreshDatabase::FreshDatabase(std::string name) : name_(std::move(name)) {
  must(connect_to(shared_cluster().superuser_dsn("postgres"))
           ->execute_script("CREATE DATABASE \"" + name_ + "\" OWNER weir"));
}

FreshDatabase::~FreshDatabase() {
  must(connect_to(shared_cluster().superuser_dsn("postgres"))
           ->execute_script("DROP DATABASE IF EXISTS \"" + name_ + "\" WITH (FORCE)"));
}

std::string FreshDatabase::dsn() const { return shared_cluster().dsn(name_); }
std::string FreshDatabase::superuser_dsn() const { return shared_cluster().superuser_dsn(name_); }

std::unique_ptr<postgres::Connection> FreshDatabase::connect() const { return connect_to(dsn()); }

std::unique_ptr<FreshDatabase> fresh_database() {
  static std::atomic<unsigned> next{0};
  return std::make_unique<FreshDatabase>("fresh_" + std::to_string(next++));
}

}  // namespace weir::test
