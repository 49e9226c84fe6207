// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/byte_source.h"
#include "storage/commit_manifest.h"
#include "storage/commit_verifier.h"
#include "storage/object_store.h"
#include "storage/staging.h"

/// The replace-commit protocol, the writer's side (contract section 6.7).
///
/// An attempt puts the objects of a partition below a prefix that no other attempt and no other
/// partition has, then the manifest that lists them, then the empty marker, then emits the event
/// that names prefix and manifest hash. Until that event is accepted nothing of it can be read:
/// readers go from a partition's row to its manifest to the objects that are listed there
/// (`resolve_commit`).
///
/// Every put refuses to replace other bytes. So
///  - a repeat of any step after a lost reply or a restart within the attempt ends in the same
///  state,
///  - a writer that makes other bytes the second time is refused (`object_exists`) and fails its
///    attempt; the next one has a prefix of its own,
///  - a paused old attempt that wakes up writes below its own prefix only, which nobody looks at,
///  or
///    which is committed already and cannot change any more. Its event is refused by the fence.
///
/// Killed at any point: what was put is garbage of this attempt, or, after the event, a commit.
namespace weir::storage {

/// Writes one partition of one attempt. Used by one thread; the store must outlive it.
class CommitWriter {
 public:
  CommitWriter(ObjectStore& store, const StagingPlace& place, std::string partition_key);

  /// Puts an object; `name` stands below the prefix and ends in `.parquet`. `rows` are those the
  /// object holds. Faults of `ObjectStore::put`; INVALID_ARGUMENT `key_invalid`;
  /// FAILED_PRECONDITION `manifest_invalid` if there are too many objects or the name was put with
  /// other content before; FAILED_PRECONDITION `commit_closed` after `finish`.
  Result<void> put(std::string_view name, ByteSource& source, std::int64_t rows);

  /// Lists an object that is below the prefix already, put by the operator itself; reads its bytes.
  /// Faults as of `put`, and NOT_FOUND `object_not_found`.
  Result<void> adopt(std::string_view name, std::int64_t rows);

  /// Writes manifest and marker, and gives what the event carries as `commit`. May be repeated.
  Result<CommitNamed> finish(std::string_view schema_hash);

  const ObjectPrefix& prefix() const { return prefix_; }

 private:
  Result<void> note(std::string_view name, const ObjectStat& stat, std::int64_t rows);

  ObjectStore& store_;
  ObjectPrefix prefix_;
  CommitManifest manifest_;
  bool closed_ = false;
};

}  // namespace weir::storage
