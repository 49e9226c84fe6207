// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "dagmanager/core/compaction/sentinel_export.h"
#include "dagmanager/ports/queues/archive_store.h"

namespace weir::dagmanager {

/// A sentinel's file as it is in the archive.
struct ArchivedSentinel {
  std::string object;    ///< its name
  std::string checksum;  ///< "blake3:<hex>"
};

/// Writes sentinels' files: `<name>.json` and, once that is whole, `<name>.json.checksum`, a line
/// with the checksum and the number of bytes. Any thread; repeatable at any point: a later try
/// writes over what a killed one left. A file of another sentinel, which had the same name and
/// version before, stays; this one's then has its moment in its name.
class SentinelArchiver {
 public:
  /// It outlives the archiver.
  explicit SentinelArchiver(ArchiveStore& archive) : archive_(archive) {}

  /// Both objects are written, read back, and are what was written. Faults of the port; DATA_LOSS
  /// `archive_differs`.
  Result<ArchivedSentinel> archive(const SentinelRecord& sentinel, const std::string& text);

 private:
  Result<std::string> name_for(const SentinelRecord& sentinel);

  ArchiveStore& archive_;
};

}  // namespace weir::dagmanager
