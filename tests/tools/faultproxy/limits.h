// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::faultproxy {

/// Pairs of one process.
inline constexpr std::size_t kPairsMax = 64;
/// Connections open at once over all pairs; further ones are reset.
inline constexpr std::size_t kConnectionsMax = 4096;
/// Bytes that one direction of a connection holds before it reads no more; a message of the
/// protocol is held whole.
inline constexpr std::size_t kHeldBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kReadBytes = std::size_t{64} << 10;
/// How long what was cut off behind a message waits for its server to take it.
inline constexpr std::chrono::seconds kCutDrainMax{10};
/// A slow direction writes this many times a second.
inline constexpr std::size_t kSlowWritesPerSecond = 20;

/// Of rules: alive, and ended ones that are still told.
inline constexpr std::size_t kRulesMax = 256;
inline constexpr std::size_t kEndedRulesMax = 256;
inline constexpr double kRuleSecondsMax = 86'400;
inline constexpr std::uint64_t kRuleCountMax = 1'000'000;
inline constexpr std::uint64_t kRuleMillisMax = 600'000;
inline constexpr std::uint64_t kRuleBytesMax = std::uint64_t{1} << 30;

/// Of the control door: one command, and its users at once.
inline constexpr std::size_t kCommandBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kControlUsersMax = 16;

}  // namespace weir::faultproxy
