// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "dagmanager/ports/queues/archive_store.h"
#include "server/breaker.h"

namespace weir::dagmanager {

/// An ArchiveStore behind a breaker (contract section 3.15): while that is open, calls fail at once
/// with UNAVAILABLE `archive_unavailable`, and the queues that were to be archived stay. Only a
/// ping goes through in any case; it is the probe.
class GuardedArchiveStore final : public ArchiveStore {
 public:
  /// `breaker` outlives it, and the writers it gives do not outlive it.
  GuardedArchiveStore(std::unique_ptr<ArchiveStore> inner, server::Breaker& breaker)
      : inner_(std::move(inner)), breaker_(breaker) {}

  Result<std::unique_ptr<ArchiveWriter>> begin(const std::string& name) override;
  Result<void> read(const std::string& name,
                    const std::function<Result<void>(std::string_view)>& take) override;
  Result<void> ping() override;

 private:
  Result<void> admits() const;

  std::unique_ptr<ArchiveStore> inner_;
  server::Breaker& breaker_;
};

}  // namespace weir::dagmanager
