// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

struct pg_conn;

namespace weir::postgres {

struct ConnectOptions;

/// A session that only listens is given up after this silence of the network.
inline constexpr std::chrono::seconds kListenerSilence{30};

/// A session that does nothing but hear what others NOTIFY. One thread. What was notified before
/// connect() returned is not heard: look for it then. Through a pooler in transaction mode nothing
/// is ever heard.
class Listener {
 public:
  /// Listens on the channels; their names are ours and plain words. Fails as Connection::connect.
  static Result<std::unique_ptr<Listener>> connect(const ConnectOptions& options,
                                                   std::span<const char* const> channels);

  /// Waits until somebody notifies, and says on which channels, each once. Empty if the descriptor
  /// `wake` became readable first. UNAVAILABLE `postgres_unavailable` once the session is lost; a
  /// dead network is noticed after kListenerSilence.
  Result<std::vector<std::string>> wait(int wake);

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  explicit Listener(pg_conn* connection) : connection_(connection) {}

  Result<void> listen(std::span<const char* const> channels);
  void keep_alive() const;
  std::vector<std::string> take_heard();
  Error lost() const;

  std::unique_ptr<pg_conn, Close> connection_;
};

}  // namespace weir::postgres
