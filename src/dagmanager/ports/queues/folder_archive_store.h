// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dagmanager/ports/queues/archive_store.h"

namespace weir::dagmanager {

/// ArchiveStore in a folder of this machine (`file:///folder`): a file an object, put under its
/// name once it is whole and on the disk; a '/' in the name makes folders. Names that no plain file
/// can have are INVALID_ARGUMENT `name_illegal`.
class FolderArchiveStore final : public ArchiveStore {
 public:
  /// Makes the folder if it is not there. UNAVAILABLE `archive_unavailable`.
  static Result<std::unique_ptr<FolderArchiveStore>> open(std::filesystem::path folder);

  Result<std::unique_ptr<ArchiveWriter>> begin(const std::string& name) override;
  Result<void> read(const std::string& name,
                    const std::function<Result<void>(std::string_view)>& take) override;
  Result<void> ping() override;

 private:
  explicit FolderArchiveStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path folder_;
};

}  // namespace weir::dagmanager
