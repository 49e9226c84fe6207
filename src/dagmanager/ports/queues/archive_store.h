// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::dagmanager {

/// An object on its way into an archive. Without finish() it never was.
class ArchiveWriter {
 public:
  virtual ~ArchiveWriter() = default;
  virtual Result<void> append(std::string_view bytes) = 0;
  /// The object is there as a whole, in place of an older one of its name, and outlives a power
  /// cut.
  virtual Result<void> finish() = 0;
};

/// Port: where the content of collected topics goes (contract section 3.12). Objects by name; any
/// thread. Faults: UNAVAILABLE `archive_unavailable`.
class ArchiveStore {
 public:
  virtual ~ArchiveStore() = default;

  virtual Result<std::unique_ptr<ArchiveWriter>> begin(const std::string& name) = 0;
  /// Hands an object's bytes to `take`, in order, piece by piece; a failure of `take` ends it.
  /// NOT_FOUND `archive_missing` if there is none of this name.
  virtual Result<void> read(const std::string& name,
                            const std::function<Result<void>(std::string_view)>& take) = 0;

  /// Whether objects can be put there now; leaves nothing behind.
  virtual Result<void> ping() = 0;
};

}  // namespace weir::dagmanager
