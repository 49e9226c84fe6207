// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "drivers/http/http_client.h"

namespace weir::http {

/// One server, as libcurl is told.
struct Endpoint {
  std::string url;               // "http://host:port" or "https://host:port"
  std::string socket_path = {};  // of a Unix socket, or empty
};

struct TransferLimits {
  std::chrono::milliseconds total_timeout;
  std::chrono::milliseconds connect_timeout;
  std::size_t body_bytes_max;
};

/// One connection to one server, kept alive between its calls, which come one after another.
class Transfer {
 public:
  /// INTERNAL if libcurl has no memory.
  static Result<std::unique_ptr<Transfer>> create(const Endpoint& endpoint);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Carries one call out, as HttpClient promises. A call that failed leaves no connection behind.
  Result<Reply> run(const Call& call, const TransferLimits& limits);

 private:
  class State;
  explicit Transfer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Error cancelled_error();
Error timeout_error(std::string what);

}  // namespace weir::http
