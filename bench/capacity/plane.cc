// SPDX-License-Identifier: Apache-2.0
#include "bench/capacity/plane.h"

#include <dagmanager.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>
#include <utility>

#include "bench/diff/documents.h"

namespace weir::bench {
namespace {

namespace wire = qmtl::services::dagmanager;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kGraphNodes = 1000;
constexpr double kRate = 50;
constexpr std::size_t kClients = 8;
constexpr auto kLook = std::chrono::milliseconds(5);
constexpr auto kReadyWait = std::chrono::seconds(60);
constexpr auto kFigureWait = std::chrono::seconds(90);
constexpr auto kPassWait = std::chrono::seconds(60);
constexpr auto kCallWait = std::chrono::seconds(30);
/// The factor model has it in every copy.
constexpr const char* kTag = "SYM21";
constexpr std::int64_t kInterval = 60;

double seconds_since(Steady::time_point begun) {
  return std::chrono::duration<double>(Steady::now() - begun).count();
}

}  // namespace

Result<std::unique_ptr<Plane>> Plane::on(Server server) {
  std::unique_ptr<Plane> plane(new Plane(std::move(server)));
  WEIR_TRY(plane->http_, http::HttpClient::create({.base = "http://127.0.0.1:" +
                                                           std::to_string(plane->server_.http_port),
                                                   .total_timeout = kPassWait},
                                                  plane->clock_));
  WEIR_CHECK(plane->wait_until_ready());
  return plane;
}

Result<void> Plane::wait_until_ready() {
  const auto until = Steady::now() + kReadyWait;
  while (Steady::now() < until) {
    const auto reply = http_->request({.path = "/readyz"});
    if (reply.ok() && reply->status == 200) return {};
    std::this_thread::sleep_for(kLook);
  }
  return base::unavailable("not_ready", "the server of the run does not get ready");
}

Result<void> Plane::submit(const std::string& strategy, std::uint64_t edition,
                           const std::string& world) {
  Client client(server_.address);
  const std::string request = make_request(strategy, document(kGraphNodes, edition), world);
  const DiffReply reply = client.diff(request, strategy + "-sentinel");
  if (!reply.fault.empty()) return base::internal(strategy + ": " + reply.fault);
  return {};
}

Result<Pass> Plane::trigger(const std::string& id) {
  const auto begun = Steady::now();
  WEIR_TRY(const http::Reply reply,
           http_->request({.method = "POST",
                           .path = "/admin/gc-trigger",
                           .headers = {{"Content-Type", "application/json"}},
                           .body = nlohmann::json{{"id", id}}.dump()}));
  const double seconds = seconds_since(begun);
  const auto answer = nlohmann::json::parse(reply.body, nullptr, false);
  if (answer.is_discarded() || !answer.contains("report") || answer["report"].is_null()) {
    return base::internal("no pass: " + std::to_string(reply.status) + " " + reply.body);
  }
  return Pass{.seconds = seconds,
              .candidates = answer["report"]["candidates"].get<std::size_t>(),
              .collected = answer["processed"].size()};
}

Result<double> Plane::figure(const std::string& series) {
  WEIR_TRY(const http::Reply reply, http_->request({.path = "/metrics"}));
  const std::size_t at = ("\n" + reply.body).find("\n" + series + " ");
  if (at == std::string::npos) return -1.0;
  return std::strtod(reply.body.c_str() + at + series.size(), nullptr);
}

Result<double> Plane::figure_after(const std::string& series, double before) {
  const auto until = Steady::now() + kFigureWait;
  while (Steady::now() < until) {
    WEIR_TRY(const double now, figure(series));
    if (now != before) return now;
    std::this_thread::sleep_for(10 * kLook);
  }
  return base::internal(series + " stays as it is");
}

Result<DiffTimes> Plane::known_diffs(std::size_t calls) {
  static const std::string request = make_request("fill0", document(kGraphNodes, 0), "w0");
  const auto same = [](std::size_t) -> const std::string& { return request; };
  const LoadResult result =
      open_loop(server_.address, "fill0-sentinel", same, kRate, calls, kClients);
  if (result.faults > 0) return base::internal("a diff failed: " + result.first_fault);
  const std::vector<double>& times = result.milliseconds;
  return DiffTimes{
      .mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size()),
      .p95 = result.percentile(0.95)};
}

Result<double> Plane::tag_queries(std::size_t calls) {
  const auto channel = grpc::CreateChannel(server_.address, grpc::InsecureChannelCredentials());
  const auto stub = wire::TagQuery::NewStub(channel);
  LoadResult result;
  for (std::size_t call = 0; call <= calls; ++call) {
    wire::TagQueryRequest request;
    request.add_tags(kTag);
    request.set_interval(kInterval);
    wire::TagQueryReply reply;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallWait);
    const auto begun = Steady::now();
    const grpc::Status status = stub->GetQueues(&context, request, &reply);
    if (!status.ok()) return base::internal("a tag query failed: " + status.error_message());
    if (call > 0) result.milliseconds.push_back(1000 * seconds_since(begun));  // 0: it connects
    topics_found_ = static_cast<std::size_t>(reply.queues_size());
  }
  return result.percentile(0.95);
}

}  // namespace weir::bench
