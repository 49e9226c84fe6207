// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

/// Bounds of archives, and of what is read of deploys.
namespace weir::dagmanager {

/// Bytes of an object that are read, or held back before they are written, at a time.
inline constexpr std::size_t kArchivePieceBytes = std::size_t{256} << 10;

/// Characters of an object's name that its file keeps; what is longer ends in a hash of the whole.
/// A file's name has 255 at most, and `.part` comes to it.
inline constexpr std::size_t kArchiveFileNameMax = 200;

/// Messages of a topic that are read at a time.
inline constexpr std::size_t kContentPage = 1000;

/// Deploys or orphans of one page, and deploys whose nodes are read at a time.
inline constexpr std::size_t kLifePageRows = 5000;
inline constexpr std::size_t kBindingsPage = 100;

/// A broker's metrics page: how long it is waited for, and its bytes.
inline constexpr std::chrono::milliseconds kLoadTimeout{2000};
inline constexpr std::size_t kLoadPageBytes = std::size_t{8} << 20;

}  // namespace weir::dagmanager
