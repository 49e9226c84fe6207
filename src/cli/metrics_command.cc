// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/console/console.h"
#include "drivers/http/http_client.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/role_process.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

/// Shorter than a scrape waits.
constexpr std::chrono::milliseconds kScrapeTimeout{8'000};
constexpr std::size_t kScrapeBytesMax = std::size_t{64} << 20;
constexpr int kBadGateway = 502;

struct MetricsFlags {
  std::uint16_t port = 8000;
  std::string http = "http://localhost:8001";
};

/// A port of this machine that says what the server's `/metrics` says.
class MetricsDoor {
 public:
  static Result<std::unique_ptr<MetricsDoor>> create(const MetricsFlags& flags) {
    std::unique_ptr<MetricsDoor> door(new MetricsDoor());
    WEIR_TRY(door->client_, http::HttpClient::create({.base = flags.http,
                                                      .total_timeout = kScrapeTimeout,
                                                      .body_bytes_max = kScrapeBytesMax},
                                                     door->clock_));
    server::Router router;
    router.add({"GET", "/metrics", [door = door.get()](const server::HttpRequest& request) {
                  return door->ask(request.request_id);
                }});
    WEIR_TRY(door->listener_,
             server::HttpServer::create({.address = {"127.0.0.1", flags.port}}, std::move(router),
                                        {door->random_, server::log()}));
    return door;
  }

  Result<void> start() {
    WEIR_CHECK(listener_->start());
    server::log().info("serving", {{"http", "127.0.0.1:" + std::to_string(listener_->port())}});
    return {};
  }
  void drain() { cancel_.set(); }
  void stop() { listener_->stop(); }

 private:
  MetricsDoor() = default;

  Result<server::HttpResponse> ask(const std::string& request_id) {
    const auto reply = client_->request({.path = "/metrics", .cancel = &cancel_});
    if (reply.ok() && reply->status == 200) {
      return server::HttpResponse{.content_type = server::kMetricsContentType, .body = reply->body};
    }
    const std::string why =
        reply.ok() ? "it answers " + std::to_string(reply->status) : reply.error().message();
    return server::problem_response(base::unavailable("server_away", "the DAG manager: " + why),
                                    request_id, kBadGateway);
  }

  server::SystemClock clock_;
  server::SystemRandom random_;
  http::CancelFlag cancel_;
  std::unique_ptr<http::HttpClient> client_;
  std::unique_ptr<server::HttpServer> listener_;
};

int run_metrics(const MetricsFlags& flags) {
  return server::serve_role([&] { return MetricsDoor::create(flags); },
                            [](const Error& error) {
                              return error.code() == Code::InvalidArgument ? kExitUsage
                                                                           : kExitFailed;
                            });
}

}  // namespace

void add_metrics(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "metrics", "Serve on a port of its own what the running server's /metrics says");
  command->footer(
      "On 127.0.0.1, until SIGTERM. A scrape is answered with 502 while the server is away. Exit "
      "code: 0 after SIGTERM or SIGINT; 1 if the port is not free; 2 if --http is no address.");
  auto flags = std::make_shared<MetricsFlags>();
  command->add_option("--port", flags->port, "Port to serve on; 0 takes a free one")
      ->capture_default_str()
      ->type_name("PORT");
  command->add_option("--http", flags->http, "The server's HTTP address")
      ->capture_default_str()
      ->envname("WEIR_HTTP")
      ->type_name("URL");
  command->callback(
      [&session, flags] { session.action = [flags] { return run_metrics(*flags); }; });
}

}  // namespace weir::cli
