// SPDX-License-Identifier: Apache-2.0
#include "bench/support/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "drivers/postgres/connection.h"

namespace weir::bench {
namespace {

/// A port that nobody listens on just now.
int free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(handle, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(handle);
  return ntohs(address.sin_port);
}

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace

double Server::resident() const {
  std::ifstream file("/proc/" + std::to_string(process->pid()) + "/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double Server::processor_seconds() const {
  std::ifstream file("/proc/" + std::to_string(process->pid()) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // Behind the name, which may hold anything, in brackets: state, then ten numbers, then the two.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

Result<std::unique_ptr<Rig>> Rig::create() {
  std::string name = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return base::unavailable("no_folder", "cannot make a folder like " + name);
  }
  std::filesystem::permissions(name, std::filesystem::perms(0755));
  std::unique_ptr<Rig> rig(new Rig(name));
  std::filesystem::create_directory(rig->chunks_folder());
  WEIR_CHECK(rig->start_postgres());
  return rig;
}

Rig::~Rig() {
  if (cluster_) {
    if (const auto stopped = cluster_->stop(); !stopped.ok()) std::abort();
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Result<void> Rig::start_postgres() {
  WEIR_TRY(cluster_, postgres::PrivateCluster::create({.state_dir = folder_ / "pg"}, clock_));
  return cluster_->start();
}

Result<std::string> Rig::make_database(const std::string& name) {
  WEIR_TRY(const auto connection,
           postgres::Connection::connect({.dsn = cluster_->superuser_dsn("postgres")}));
  WEIR_CHECK(connection->execute("create database " + name + " owner weir"));
  return cluster_->dsn(name);
}

Result<Server> Rig::start_weir(const std::string& name, const std::string& database) {
  if (database.empty()) return start_on(name, "");
  WEIR_TRY(const std::string dsn, make_database(database));
  return start_on(name, dsn);
}

Result<Server> Rig::join_weir(const std::string& name, const std::string& database) {
  return start_on(name, cluster_->dsn(database));
}

Result<Server> Rig::start_on(const std::string& name, const std::string& dsn) {
  const int grpc_port = free_port();
  const int http_port = free_port();
  const std::filesystem::path config = folder_ / (name + ".yml");
  std::ofstream file(config);
  file << "grpc_port: " << grpc_port << "\nhttp_port: " << http_port << "\n";
  const std::string& topics = topics_dsn_.empty() ? dsn : topics_dsn_;
  if (!dsn.empty()) file << "graph_dsn: " << dsn << "\ntopics_dsn: '" << topics << "'\n";
  file << lines_;
  file.close();
  WEIR_TRY(
      Server server,
      spawn(name, {WEIR_PROGRAM, "dagmanager", "server", "--config", config.string()}, grpc_port));
  server.http_port = http_port;
  return server;
}

Result<Server> Rig::start_floor() {
  const int port = free_port();
  return spawn("floor", {own_path(), "--floor", std::to_string(port), chunks_folder()}, port);
}

Result<Server> Rig::spawn(const std::string& name, std::vector<std::string> argv, int port) {
  Server server;
  WEIR_TRY(server.process, weir::process::ChildProcess::spawn(
                               {.argv = std::move(argv),
                                .environment = {{"WEIR_LOG_LEVEL", "warning"}},
                                .output_path = (folder_ / (name + ".log")).string()}));
  server.address = "127.0.0.1:" + std::to_string(port);
  return server;
}

Result<double> Rig::fsyncs() {
  WEIR_TRY(const auto connection,
           postgres::Connection::connect({.dsn = cluster_->superuser_dsn("postgres")}));
  WEIR_TRY(const auto rows, connection->execute("select wal_sync::float8 from pg_stat_wal"));
  return rows.number(0, 0);
}

}  // namespace weir::bench
