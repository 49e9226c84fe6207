// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace weir::worker {

/// Port: the dispatcher's internal listener (contract section 3.3), below the meaning of its
/// routes. Any thread.
class DispatcherPort {
 public:
  virtual ~DispatcherPort() = default;

  struct Reply {
    int status = 0;
    std::string body = {};
  };

  /// Sends a JSON body with the worker token. Any status is a Reply; an Error means that nobody
  /// knows what the request did.
  virtual Result<Reply> post(std::string_view path, std::string body, Duration timeout) = 0;
  /// The same for a request that waits at the other side: CANCELLED once `cancel_polls` was called.
  virtual Result<Reply> poll(std::string_view path, std::string body, Duration timeout) = 0;
  /// Ends polls, now and from now on.
  virtual void cancel_polls() = 0;
};

}  // namespace weir::worker
