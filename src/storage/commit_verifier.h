// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/commit_manifest.h"
#include "storage/object_store.h"
#include "storage/staging.h"

/// The replace-commit protocol, the reader's side (contract sections 3.3.4 and 6.7).
namespace weir::storage {

/// `commit` of an event: what its emitter says it wrote.
struct CommitNamed {
  std::string prefix;           ///< full URI, `file:///…/` or `s3://…/`
  std::string manifest_sha256;  ///< lower-case hex
  std::optional<std::int64_t> row_count;
  std::optional<std::int64_t> bytes;
  std::optional<std::string> schema_hash;
};

/// A commit, and whose it must be: what the fence and the output of the task say.
struct CommitClaim {
  StagingPlace place;
  std::string partition_key;
  CommitNamed named;
};

/// What a verified commit holds; `location` and the rest go into the partition's row.
struct CommitFacts {
  std::string location;  ///< canonical URI of the prefix
  std::string manifest_sha256;
  std::int64_t row_count = 0;
  std::int64_t bytes = 0;
  std::string schema_hash;
  std::vector<ManifestObject> objects;
};

/// Checks, before the transaction that accepts the event, that all a commit names is there:
/// the prefix is the one of this task, attempt and partition, the marker is there, the manifest has
/// the named hash and speaks of this version and partition, each object exists with its size, and
/// counts given with the event are the manifest's. Reads and writes nothing else.
///
/// FAILED_PRECONDITION `commit_incomplete` (422: marker or manifest missing or unreadable) or
/// `manifest_invalid` (422: hash, size, count or prefix); UNAVAILABLE `unavailable` (503: the store
/// does not answer). Messages name no path of the machine.
Result<CommitFacts> verify_commit(ObjectStore& store, const CommitClaim& claim);

/// HTTP status of a fault of `verify_commit`: 422 or 503.
int commit_fault_status(const Error& fault);

/// A commit that a partition's row names.
struct CommittedLocation {
  std::string location;
  std::string manifest_sha256;
};

/// An object of a commit, by the store's own name for it.
struct CommittedObject {
  ObjectKey key;
  ManifestObject facts;
};

/// The objects that a reader of a committed partition may open: those its manifest lists. Whatever
/// else stands below the prefix does not exist for readers. DATA_LOSS `commit_damaged` if the
/// manifest is gone or altered; UNAVAILABLE `unavailable`; `uri_invalid` of another store's URI.
Result<std::vector<CommittedObject>> resolve_commit(ObjectStore& store,
                                                    const CommittedLocation& commit);

}  // namespace weir::storage
