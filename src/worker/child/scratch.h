// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "drivers/process/file_descriptor.h"

namespace weir::worker {

/// Where this worker and its attempts work: `<folder>/w<8 hex>/`, held by a lock that dies with the
/// process. Folders of workers that are gone are removed when another one starts.
class Scratch {
 public:
  /// Makes `folder` (mode 0700) if it is missing, removes what dead workers left in it, and makes
  /// this worker's own. FAILED_PRECONDITION `scratch_unusable`.
  static Result<std::unique_ptr<Scratch>> open(const std::filesystem::path& folder, Random& random);
  /// Removes it all.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& folder() const { return own_; }
  /// An empty folder for one attempt at a time. UNAVAILABLE `scratch_full` if it cannot be made.
  Result<std::filesystem::path> make() const WEIR_EXCLUDES(mutex_);
  /// Takes such a folder back when nothing works in it any more: one that is empty is kept for the
  /// next attempt, under the same name, for to make or rename one costs more than to look into it;
  /// else it is removed.
  void give_back(const std::filesystem::path& attempt_folder) const WEIR_EXCLUDES(mutex_);
  /// Removes such a folder and all in it; links are removed, not followed.
  static void remove(const std::filesystem::path& attempt_folder);

  /// How many folders of dead workers this one removed.
  std::size_t swept() const { return swept_; }

 private:
  Scratch(std::filesystem::path own, process::FileDescriptor lock, std::size_t swept)
      : own_(std::move(own)), lock_(std::move(lock)), swept_(swept) {}

  std::filesystem::path own_;
  process::FileDescriptor lock_;
  std::size_t swept_;
  mutable base::Mutex mutex_;
  mutable std::vector<std::filesystem::path> spare_ WEIR_GUARDED_BY(mutex_);
  mutable std::uint64_t made_ WEIR_GUARDED_BY(mutex_) = 0;  // names the next one
};

}  // namespace weir::worker
