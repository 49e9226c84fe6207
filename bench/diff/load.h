// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::bench {

/// What one Diff call brought.
struct DiffReply {
  std::vector<std::string> chunks;  ///< serialised, if they were to be kept
  std::size_t entries = 0;
  std::string fault;  ///< empty: it went well
};

/// Makes one Diff call as the real client does: acknowledges each chunk before it reads the next.
class Client {
 public:
  /// `address` is host:port; each client has a connection of its own.
  explicit Client(const std::string& address);
  ~Client();
  Client(Client&&) noexcept;

  /// `request` is a serialised DiffRequest.
  DiffReply diff(const std::string& request, const std::string& sentinel, bool keep_chunks = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A serialised DiffRequest.
std::string make_request(const std::string& strategy, const std::string& document,
                         const std::string& world = "bench");

/// The requests of one run, by number.
using RequestAt = std::function<const std::string&(std::size_t)>;

struct LoadResult {
  std::vector<double> milliseconds;  ///< by call; from when it was due (open) or made (closed)
  double seconds = 0;                ///< from the first call to the last answer
  std::size_t faults = 0;
  std::string first_fault;

  double percentile(double share) const;  ///< 0.95: the p95
  double rate() const {
    return seconds > 0 ? static_cast<double>(milliseconds.size()) / seconds : 0;
  }
};

/// Calls due at a fixed rate whatever the answers do, from as many connections as it takes (at most
/// `clients`).
LoadResult open_loop(const std::string& address, const std::string& sentinel, RequestAt requests,
                     double per_second, std::size_t calls, std::size_t clients);

/// `clients` callers, each making its next call when it has the answer.
LoadResult closed_loop(const std::string& address, const std::string& sentinel, RequestAt requests,
                       std::size_t calls, std::size_t clients);

}  // namespace weir::bench
