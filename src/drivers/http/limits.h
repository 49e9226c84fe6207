// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every wait, queue and size of this driver has its bound here.
namespace weir::http {

/// Requests of one client at once, each on a connection of its own, and callers that may wait.
inline constexpr std::size_t kConnectionsMax = 8;
inline constexpr std::size_t kWaitersMax = 1'024;

/// Time to reach the server, and from the call to the last byte of the answer.
inline constexpr std::chrono::milliseconds kConnectTimeout{5'000};
inline constexpr std::chrono::milliseconds kTotalTimeout{30'000};
static_assert(kConnectTimeout < kTotalTimeout, "a call that connects also needs time to be served");

/// An answer that is held in memory, and all its fields.
inline constexpr std::size_t kBodyBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kHeaderBytesMax = std::size_t{64} << 10;

/// A connection unused for longer is not taken again. Below the 60 s after which Weir's own
/// listeners close one, so that no request is sent into a connection that just closes.
inline constexpr std::chrono::seconds kIdleMax{45};

/// The longest sleep without a look at a call; a socket, a deadline or a cancel ends it earlier.
inline constexpr int kPollMaxMs = 60'000;

/// A block of a file that is sent.
inline constexpr std::size_t kFileBlockBytes = std::size_t{64} << 10;

/// A path of a Unix socket has 108 bytes, the closing zero included.
inline constexpr std::size_t kSocketPathBytesMax = 107;

}  // namespace weir::http
