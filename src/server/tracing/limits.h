// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every bound of this folder, in one place (style guide, rule 25).
namespace weir::server {

/// Spans that wait, those on their way included; what is more is dropped and counted.
inline constexpr std::size_t kSpansWaitingMax = 2048;
/// A batch goes out when so many wait, or the longest of them this long (contract section 3.26).
inline constexpr std::size_t kSpanBatchMax = 512;
inline constexpr std::chrono::seconds kSpanWaitMax{5};
static_assert(kSpanBatchMax <= kSpansWaitingMax, "a whole batch must have room to wait");

/// One try at the collector; the pause after one that failed, doubled each time; tries a batch has.
inline constexpr std::chrono::seconds kExportTimeout{10};
inline constexpr std::chrono::seconds kExportPauseMin{1};
inline constexpr std::chrono::seconds kExportPauseMax{60};
inline constexpr int kExportTriesMax = 8;
static_assert(kExportPauseMin <= kExportPauseMax, "the pause only grows");
/// What a process that ends still spends on the spans that wait, all in all.
inline constexpr std::chrono::seconds kLastExportTimeout{2};
/// A collector's answer; it says little.
inline constexpr std::size_t kExportAnswerBytesMax = std::size_t{64} << 10;

/// A text in a span is cut to this, a span takes no more attributes than that: with them 2,048
/// spans stay below 16 MiB whatever callers send.
inline constexpr std::size_t kSpanTextBytesMax = 256;
inline constexpr std::size_t kSpanAttributesMax = 24;
static_assert(kSpansWaitingMax * kSpanAttributesMax * kSpanTextBytesMax <= std::size_t{16} << 20);

}  // namespace weir::server
