// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_server.h"

#include <pthread.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "server/http/http_connection.h"
#include "server/http/http_unix_socket.h"
#include "server/system_clock.h"
#include "server/worker_pool.h"

namespace weir::server {

namespace net = boost::asio;
using net::ip::tcp;
using Socket = HttpConnection::Socket;

// Lock order: control_, then mutex_. The network thread takes only mutex_, a worker none.
class HttpServer::State {
 public:
  State(HttpServerConfig config, Router router, HttpServerPorts ports,
        std::unique_ptr<WorkerPool> workers, std::unique_ptr<WorkerPool> streams)
      : config_(std::move(config)),
        router_(std::move(router)),
        log_(ports.log),
        workers_(std::move(workers)),
        streams_(std::move(streams)),
        context_{.config = config_,
                 .router = router_,
                 .workers = *workers_,
                 .streams = streams_.get(),
                 .clock = clock_,
                 .random = ports.random,
                 .log = ports.log,
                 .tracer = ports.tracer,
                 .closed = [this](HttpConnection& closed) { forget(closed); }} {}

  Result<void> start() WEIR_EXCLUDES(control_, mutex_);
  void stop(Duration span) WEIR_EXCLUDES(control_, mutex_);
  std::uint16_t port() const { return port_; }

 private:
  Result<void> listen();
  Result<void> listen_tcp();
  void stop_workers();
  /// Does it to each connection, on the network thread. A copy of the set: who closes leaves it.
  void each_connection(void (HttpConnection::*act)());
  void run();
  void accept();
  void on_accept(boost::system::error_code error, Socket socket) WEIR_EXCLUDES(mutex_);
  void pause_accepting();
  void forget(HttpConnection& closed) WEIR_EXCLUDES(mutex_);
  void wait_for_connections(Duration span) WEIR_EXCLUDES(mutex_);

  const HttpServerConfig config_;
  const Router router_;
  Log& log_;
  const SystemClock clock_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<WorkerPool> streams_;  // nothing if no route reads bodies itself
  HttpContext context_;

  net::io_context network_{1};
  net::executor_work_guard<net::io_context::executor_type> guard_ = net::make_work_guard(network_);
  net::basic_socket_acceptor<net::generic::stream_protocol> acceptor_{network_};
  std::optional<HttpUnixSocket> file_;  // while it listens on one
  net::steady_timer pause_{network_};
  std::uint16_t port_ = 0;

  // Only on the network thread.
  std::set<std::shared_ptr<HttpConnection>> connections_;
  bool accepting_ = false;
  bool stopping_ = false;

  base::Mutex control_;  // start and stop, one at a time
  std::thread thread_ WEIR_GUARDED_BY(control_);
  bool started_ WEIR_GUARDED_BY(control_) = false;

  base::Mutex mutex_;
  base::CondVar emptied_;
  std::size_t open_ WEIR_GUARDED_BY(mutex_) = 0;
};

Result<void> HttpServerConfig::validate() const {
  if (handler_threads == 0 || stream_threads == 0 || connections_max == 0) {
    return base::invalid_argument("out_of_range", "http: threads and connections from 1");
  }
  return {};
}

Result<std::unique_ptr<HttpServer>> HttpServer::create(HttpServerConfig config, Router router,
                                                       HttpServerPorts ports) {
  WEIR_CHECK(config.validate());
  WEIR_TRY(std::unique_ptr<WorkerPool> workers,
           WorkerPool::create({.name = "http-worker",
                               .concurrency = config.handler_threads,
                               .queue_max = kHttpHandlersWaitingMax,
                               .queue_bytes_max = kHttpHandlerBytesMax,
                               .full_reason = "overloaded"}));
  std::unique_ptr<WorkerPool> streams;
  if (router.has_streams()) {
    WEIR_TRY(streams, WorkerPool::create({.name = "http-stream",
                                          .concurrency = config.stream_threads,
                                          .queue_max = kHttpStreamsWaitingMax,
                                          .full_reason = "overloaded"}));
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<State>(
      std::move(config), std::move(router), ports, std::move(workers), std::move(streams))));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::start() { return state_->start(); }
void HttpServer::stop(Duration span) { state_->stop(span); }
std::uint16_t HttpServer::port() const { return state_->port(); }

Result<void> HttpServer::State::start() {
  const base::MutexLock lock(control_);
  if (started_) return base::failed_precondition("already_started", "http: start works once");
  started_ = true;
  WEIR_CHECK(listen());
  WEIR_CHECK(workers_->start());
  if (streams_ != nullptr) WEIR_CHECK(streams_->start());
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return base::unavailable("no_thread", std::string("http: ") + error.what());
  }
  return {};
}

void HttpServer::State::stop(Duration span) {
  const base::MutexLock lock(control_);
  started_ = true;  // a stop before start is for good
  if (!thread_.joinable()) {
    file_.reset();
    return stop_workers();
  }
  net::post(network_, [this] {
    stopping_ = true;
    boost::system::error_code ignored;
    static_cast<void>(acceptor_.close(ignored));
    file_.reset();
    pause_.cancel();
    each_connection(&HttpConnection::finish);
  });
  wait_for_connections(span);
  // A handler that waits for a peer's blocks would otherwise wait on.
  net::post(network_, [this] { each_connection(&HttpConnection::interrupt); });
  stop_workers();
  net::post(network_, [this] {
    each_connection(&HttpConnection::close);
    guard_.reset();
  });
  // Returns once every operation has ended: a socket just accepted is closed, not left behind.
  thread_.join();
}

void HttpServer::State::stop_workers() {
  workers_->stop();
  if (streams_ != nullptr) streams_->stop();
}

void HttpServer::State::each_connection(void (HttpConnection::*act)()) {
  for (const auto& connection : std::set(connections_)) (connection.get()->*act)();
}

Result<void> HttpServer::State::listen() {
  if (!config_.address.is_unix()) return listen_tcp();
  WEIR_TRY(HttpUnixSocket opened, HttpUnixSocket::open(config_.address.path, config_.socket_mode));
  file_.emplace(std::move(opened));
  boost::system::error_code error;
  static_cast<void>(
      acceptor_.assign(net::generic::stream_protocol(AF_UNIX, 0), file_->release(), error));
  if (error) {
    return base::unavailable("listen_failed",
                             "listen on " + config_.address.text() + ": " + error.message());
  }
  return {};
}

Result<void> HttpServer::State::listen_tcp() {
  const std::string where = config_.address.text();
  const auto failed = [&](const boost::system::error_code& error) {
    return base::unavailable("listen_failed", "listen on " + where + ": " + error.message());
  };
  std::string host = config_.address.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto found = tcp::resolver(network_).resolve(host, std::to_string(config_.address.port),
                                                     tcp::resolver::passive, error);
  if (error) return failed(error);
  tcp::acceptor bound(network_);
  for (const auto& entry : found) {
    const bool listens = !bound.open(entry.endpoint().protocol(), error) &&
                         !bound.set_option(tcp::acceptor::reuse_address(true), error) &&
                         !bound.bind(entry.endpoint(), error) &&
                         !bound.listen(net::socket_base::max_listen_connections, error);
    if (listens) break;
    boost::system::error_code ignored;
    static_cast<void>(bound.close(ignored));
  }
  if (error) return failed(error);
  const tcp::endpoint endpoint = bound.local_endpoint(error);
  if (error) return failed(error);
  port_ = endpoint.port();
  const int descriptor = bound.release(error);
  if (error) return failed(error);
  static_cast<void>(acceptor_.assign(endpoint.protocol(), descriptor, error));
  if (error) return failed(error);
  return {};
}

void HttpServer::State::run() {
  pthread_setname_np(pthread_self(), "http-network");
  accept();
  network_.run();
}

void HttpServer::State::accept() {
  accepting_ = true;
  acceptor_.async_accept([this](boost::system::error_code error, Socket socket) {
    on_accept(error, std::move(socket));
  });
}

void HttpServer::State::on_accept(boost::system::error_code error, Socket socket) {
  accepting_ = false;
  if (stopping_) return;
  if (error == net::error::no_descriptors || error == net::error::no_buffer_space ||
      error == net::error::no_memory) {
    return pause_accepting();
  }
  if (!error) {
    if (!file_) static_cast<void>(socket.set_option(tcp::no_delay(true), error));
    const auto connection = std::make_shared<HttpConnection>(std::move(socket), context_);
    connections_.insert(connection);
    {
      const base::MutexLock lock(mutex_);
      open_ = connections_.size();
    }
    connection->start();
  }
  // At the bound, the next one that closes accepts again.
  if (connections_.size() < config_.connections_max) accept();
}

void HttpServer::State::pause_accepting() {
  log_.warning("http accept failed for lack of descriptors or memory",
               {{"connections", connections_.size()}});
  accepting_ = true;
  pause_.expires_after(kHttpAcceptPause);
  pause_.async_wait([this](boost::system::error_code) {
    accepting_ = false;
    if (!stopping_) accept();
  });
}

void HttpServer::State::forget(HttpConnection& closed) {
  connections_.erase(closed.shared_from_this());
  {
    const base::MutexLock lock(mutex_);
    open_ = connections_.size();
    if (open_ == 0) emptied_.notify_all();
  }
  if (!accepting_ && !stopping_) accept();
}

void HttpServer::State::wait_for_connections(Duration span) {
  const auto deadline = std::chrono::steady_clock::now() + span;
  const base::MutexLock lock(mutex_);
  while (open_ > 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) return;
    emptied_.wait_for(mutex_, left);
  }
}

}  // namespace weir::server
