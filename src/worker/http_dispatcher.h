// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/http/http_client.h"
#include "server/config/secret.h"
#include "worker/dispatcher_port.h"

namespace weir::worker {

/// DispatcherPort over HTTP on a Unix socket.
class HttpDispatcher final : public DispatcherPort {
 public:
  /// `clock` outlives it.
  static Result<std::unique_ptr<HttpDispatcher>> create(const std::string& socket,
                                                        server::Secret worker_token,
                                                        const Clock& clock);

  Result<Reply> post(std::string_view path, std::string body, Duration timeout) override;
  Result<Reply> poll(std::string_view path, std::string body, Duration timeout) override;
  void cancel_polls() override { polls_over_.set(); }

 private:
  HttpDispatcher(std::unique_ptr<http::HttpClient> client, server::Secret worker_token)
      : client_(std::move(client)), worker_token_(std::move(worker_token)) {}
  Result<Reply> send(std::string_view path, std::string body, Duration timeout,
                     http::CancelFlag* cancel);

  std::unique_ptr<http::HttpClient> client_;
  server::Secret worker_token_;
  http::CancelFlag polls_over_;
};

}  // namespace weir::worker
