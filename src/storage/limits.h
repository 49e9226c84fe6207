// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

/// Bounds of object storage (contract sections 0, 6.7 and appendix B).
namespace weir::storage {

/// A key, one of its segments, and how many there are. What S3 and Linux both take.
inline constexpr std::size_t kObjectKeyBytesMax = 1024;
inline constexpr std::size_t kKeySegmentBytesMax = 255;
inline constexpr std::size_t kKeySegmentsMax = 32;

/// What one `get` gives; more is read in several.
inline constexpr std::size_t kRangeBytesMax = std::size_t{16} << 20;
/// Pieces in which an object is copied.
inline constexpr std::size_t kCopyBytes = std::size_t{256} << 10;
/// Objects of one page of a listing, and removed by one call. S3's own page.
inline constexpr std::size_t kObjectPageMax = 1000;

/// Bytes and objects of a commit's manifest.
inline constexpr std::size_t kManifestBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kManifestObjectsMax = 1024;
static_assert(kManifestBytesMax <= kRangeBytesMax, "a manifest is read by one get");
/// A partition key (section 3.3.4), and up to where it stands in a path as it is.
inline constexpr std::size_t kPartitionKeyBytesMax = 256;
inline constexpr std::size_t kPartitionSegmentBytesMax = 128;
static_assert(kPartitionSegmentBytesMax <= kKeySegmentBytesMax, "it is a segment");
/// A schema hash is a short text.
inline constexpr std::size_t kSchemaHashBytesMax = 128;

/// Listings that a verification makes before it asks for each object by itself: all objects of the
/// largest manifest, and as much again that no manifest names.
inline constexpr int kVerifyPagesMax = 3;
static_assert(kVerifyPagesMax * kObjectPageMax >= 2 * kManifestObjectsMax);

/// How long staging and scratch of attempts that committed nothing are kept. Longer than any task
/// may run (86,400 s), so that what is removed can no longer be committed.
inline constexpr Duration kStagingRetention = std::chrono::hours(24 * 7);
inline constexpr Duration kTaskTimeoutMax = std::chrono::hours(24);
static_assert(kStagingRetention > 2 * kTaskTimeoutMax,
              "an attempt must be over before it is waste");
/// Listings of one step of the search for waste.
inline constexpr int kWasteListsMax = 16;

/// Temporary names tried before the folder store gives up, and how often a put begins again because
/// a removal took the folder away under it.
inline constexpr int kTemporaryNamesMax = 16;
inline constexpr int kPutTriesMax = 32;

}  // namespace weir::storage
