// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every wait, queue and size of this driver has its bound here.
namespace weir::postgres {

/// Time to reach a server and log in; libpq counts in whole seconds and not below two.
inline constexpr std::chrono::seconds kConnectTimeout{5};

/// Silence of the server (no byte moved) after which a connection is given up. The server's own
/// statement_timeout is what normally ends a statement; this one guards against a dead network.
inline constexpr std::chrono::seconds kReplyTimeout{60};

/// Unacknowledged bytes on a TCP connection are given up after this time (`tcp_user_timeout`).
inline constexpr std::chrono::seconds kTcpUserTimeout{20};

/// Prepared statements a connection keeps; further ones run unnamed.
inline constexpr std::size_t kPreparedMax = 500;

/// Parameters of one statement: the protocol counts them in 16 bits.
inline constexpr std::size_t kParametersMax = 65'535;

/// Bytes of one statement's parameters: PostgreSQL refuses messages of 1 GiB.
inline constexpr std::size_t kParameterBytesMax = std::size_t{1} << 29;

/// Statements of one pipeline.
inline constexpr std::size_t kPipelineStatementsMax = 10'000;

/// Connections of a pool, and callers that may wait for one, unless its options say otherwise.
inline constexpr std::size_t kPoolConnections = 16;
inline constexpr std::size_t kPoolWaiters = 1'024;

/// Wait for another process that migrates the same schema, and the longest single migration.
inline constexpr std::chrono::seconds kMigrationLockTimeout{60};
inline constexpr std::chrono::minutes kMigrationTimeout{10};
static_assert(kMigrationTimeout > kMigrationLockTimeout,
              "the statement that waits for the lock counts against the longest migration");

/// How often making and granting a service's role is tried: others may do the same in other
/// databases.
inline constexpr int kGrantTriesMax = 3;

/// A path of a Unix socket has 108 bytes, the closing zero included.
inline constexpr std::size_t kSocketPathBytesMax = 107;

/// A private server: crash recovery included, it accepts connections after this time or never.
inline constexpr std::chrono::seconds kClusterReadyTimeout{120};
/// Time for `initdb`, which writes and syncs some 40 MiB.
inline constexpr std::chrono::seconds kInitdbTimeout{120};
/// Fast shutdown (checkpoint included), then immediate shutdown, then it is killed.
inline constexpr std::chrono::seconds kClusterFastStopTimeout{20};
inline constexpr std::chrono::seconds kClusterImmediateStopTimeout{5};
/// A backend of a killed server ends this soon after SIGQUIT or is killed; looks for such.
inline constexpr std::chrono::seconds kClusterBackendStopTimeout{2};
inline constexpr int kClusterBackendRoundsMax = 3;
/// Starts of a private server that may fail because backends of a killed one still end.
inline constexpr std::chrono::seconds kClusterLeftoverTimeout{10};
/// First and longest pause between two looks at a server that starts or stops.
inline constexpr std::chrono::milliseconds kClusterPollFirst{5};
inline constexpr std::chrono::milliseconds kClusterPollMax{200};
/// The log of a private server is moved aside at a start when it is larger than this.
inline constexpr std::size_t kClusterLogBytesMax = std::size_t{10} << 20;

}  // namespace weir::postgres
