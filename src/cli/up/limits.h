// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of `weir up` (style guide, rule 25).
namespace weir::cli {

/// A role must answer /readyz this soon after its start: a start may wait 60 s for the migrations
/// of another instance.
inline constexpr Duration kReadyTimeout = std::chrono::seconds(90);
/// Time between two looks at /readyz, only while a role starts.
inline constexpr Duration kReadyLook = std::chrono::milliseconds(10);
/// One answer of /readyz.
inline constexpr Duration kReadyAnswerTimeout = std::chrono::seconds(2);

/// How long a port may stay taken before that is told: a killed predecessor's child ends at once.
inline constexpr Duration kPortWait = std::chrono::seconds(2);

/// Where free ports are looked for, and how often, before the kernel is asked for any: below the
/// range of outgoing connections (net.ipv4.ip_local_port_range begins at 32768).
inline constexpr unsigned kFreePortFirst = 20'000;
inline constexpr unsigned kFreePortLast = 31'999;
inline constexpr int kPortTriesMax = 64;
static_assert(kFreePortLast < 32'768,
              "an outgoing connection could take a restarting child's port");

/// Restarts of one child, each after a wait that doubles; a child that was ready for kRestartForget
/// is counted from zero again.
inline constexpr int kRestartsMax = 8;
/// The same for a child that was never ready: a fault that is there from the start seldom goes
/// away.
inline constexpr int kRestartsBeforeReadyMax = 2;
inline constexpr Duration kRestartWaitFirst = std::chrono::milliseconds(200);
inline constexpr Duration kRestartWaitMax = std::chrono::seconds(10);
inline constexpr Duration kRestartForget = std::chrono::seconds(60);

/// A child gets this long after SIGTERM before it is killed; the DAG manager's own drain takes at
/// most 25 s.
inline constexpr Duration kStopTimeout = std::chrono::seconds(30);
static_assert(kStopTimeout > std::chrono::seconds(25), "a draining DAG manager must not be killed");

/// `weir down` waits this long for `weir up` to end: its children one after the other, PostgreSQL's
/// 20 s and its escalation.
inline constexpr Duration kDownTimeout = std::chrono::seconds(180);
static_assert(kDownTimeout > 4 * kStopTimeout + std::chrono::seconds(40),
              "`weir down` must outlast an orderly stop");

/// Operators that the worker of `weir up` runs at once, unless --worker-slots says otherwise.
inline constexpr int kWorkerSlots = 2;
inline constexpr int kWorkerSlotsMax = 256;

/// What a Unix socket's address and a worker's scratch folder may have; a state folder that is
/// deeper has these elsewhere.
inline constexpr std::size_t kShortPathBytesMax = 60;

/// A child's log that is larger than this is put aside (`.1`) at the next `weir up`.
inline constexpr std::size_t kLogBytesMax = std::size_t{16} << 20;
/// What is shown of a child's log when it failed.
inline constexpr std::size_t kLogTailBytesMax = 4096;
/// The note in the state folder.
inline constexpr std::size_t kNoteBytesMax = 4096;

}  // namespace weir::cli
