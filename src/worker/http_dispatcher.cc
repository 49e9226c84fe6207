// SPDX-License-Identifier: Apache-2.0
#include "worker/http_dispatcher.h"

#include <chrono>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {

Result<std::unique_ptr<HttpDispatcher>> HttpDispatcher::create(const std::string& socket,
                                                               server::Secret worker_token,
                                                               const Clock& clock) {
  http::HttpClientConfig config;
  config.base = "unix:" + socket;
  config.connections_max = kDispatcherConnectionsMax;
  config.body_bytes_max = kAnswerBytesMax;
  WEIR_TRY(auto client, http::HttpClient::create(std::move(config), clock));
  return std::unique_ptr<HttpDispatcher>(
      new HttpDispatcher(std::move(client), std::move(worker_token)));
}

Result<DispatcherPort::Reply> HttpDispatcher::post(std::string_view path, std::string body,
                                                   Duration timeout) {
  return send(path, std::move(body), timeout, nullptr);
}

Result<DispatcherPort::Reply> HttpDispatcher::poll(std::string_view path, std::string body,
                                                   Duration timeout) {
  return send(path, std::move(body), timeout, &polls_over_);
}

Result<DispatcherPort::Reply> HttpDispatcher::send(std::string_view path, std::string body,
                                                   Duration timeout, http::CancelFlag* cancel) {
  http::Call call;
  call.method = "POST";
  call.path = std::string(path);
  call.headers = {{"Content-Type", "application/json"},
                  {"X-Trace-Worker-Token", worker_token_.reveal()}};
  call.body = std::move(body);
  call.total_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout);
  call.cancel = cancel;
  WEIR_TRY(http::Reply reply, client_->request(call));
  return Reply{reply.status, std::move(reply.body)};
}

}  // namespace weir::worker
