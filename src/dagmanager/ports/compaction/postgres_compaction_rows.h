// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "dagmanager/ports/compaction/compaction_store.h"
#include "drivers/postgres/pipeline.h"

/// What the transactions of a compaction share in PostgreSQL.
namespace weir::dagmanager {

/// Places of the results that an export is read from.
struct ExportPlaces {
  std::size_t sentinel;
  std::size_t deploys;
};
ExportPlaces add_export(postgres::Pipeline& pipeline, const SentinelKey& sentinel,
                        const std::vector<std::string>& deploys);
std::optional<SentinelExport> read_export(const std::vector<postgres::Rows>& results,
                                          const ExportPlaces& places);

/// The beginning of a removal's transaction: everybody else is kept out, and what is decided on is
/// read.
struct LockPlaces {
  std::size_t gc;
  std::size_t reconciler;
  std::size_t own_deploys;  ///< keys of `deploys` that are held still
  std::size_t epoch;
  std::size_t standings;
};
/// `wait`: for who holds one of the deploys; else those are passed over.
LockPlaces add_locks(postgres::Pipeline& pipeline, const CompactionFence& fence,
                     const std::vector<std::string>& deploys, bool wait);
Result<void> judge_locks(const std::vector<postgres::Rows>& results, const LockPlaces& places,
                         const CompactionFence& fence);
std::vector<std::string> own_deploys(const std::vector<postgres::Rows>& results,
                                     const LockPlaces& places);
std::vector<DeployStanding> standings(const std::vector<postgres::Rows>& results,
                                      const LockPlaces& places);

/// Those of the deploys that are not ended end.
void add_end_of_deploys(postgres::Pipeline& pipeline, const std::vector<std::string>& deploys,
                        Instant at);
void add_log_row(postgres::Pipeline& pipeline, const TopicLogRow& row);

}  // namespace weir::dagmanager
