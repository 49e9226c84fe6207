// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "drivers/process/file_descriptor.h"
#include "storage/object_store.h"

namespace weir::storage {

/// ObjectStore in a folder of this machine: an object is the file of its key. Any number of threads
/// and processes may write at once.
///
/// A put writes a temporary file in `<root>/.tmp/`, syncs it, renames it into place and syncs the
/// folder: killed at any point, the name holds the old object, the new one, or none. Its writer
/// holds a lock on the temporary file until it has its name, so a temporary file whose lock is free
/// was left behind by a process that is gone; `clean` takes those away.
///
/// No link is followed below the root: every folder of a key is opened by its name in the one
/// above, and what is not a plain folder or file answers `path_unsafe`.
class FolderObjectStore final : public ObjectStore {
 public:
  /// Opens the folder of a file root and makes it (mode 0700) if only its last part is missing;
  /// cleans it once. FAILED_PRECONDITION `root_unusable`. `random` names temporary files.
  static Result<std::unique_ptr<FolderObjectStore>> open(const StorageRoot& root, Random& random);

  const StorageRoot& root() const override { return root_; }
  Result<ObjectStat> put(const ObjectKey& key, ByteSource& source,
                         const PutOptions& options) override;
  Result<std::string> get(const ObjectKey& key, ByteRange range) override;
  Result<ObjectStat> stat(const ObjectKey& key, Checksum checksum) override;
  Result<ObjectPage> list(const ObjectPrefix& prefix, const ListOptions& options) override;
  Result<void> remove(const ObjectKey& key) override;
  Result<RemovedObjects> remove_prefix(const ObjectPrefix& prefix, std::size_t limit) override;
  Result<void> ping() override;

  /// Removes the temporary files of writers that are gone, and says how many. Safe at any time.
  Result<std::size_t> clean();

 private:
  FolderObjectStore(StorageRoot root, process::FileDescriptor folder,
                    process::FileDescriptor temporary, Random& random)
      : root_(std::move(root)),
        folder_(std::move(folder)),
        temporary_(std::move(temporary)),
        random_(random) {}

  struct Temporary;
  Result<Temporary> make_temporary();
  Result<ObjectStat> fill(const Temporary& temporary, ByteSource& source,
                          const PutOptions& options) const;
  Result<void> publish(const Temporary& temporary, const ObjectKey& key, Existing existing,
                       const ObjectStat& stat);
  Result<void> confirm_same(const ObjectKey& key, const ObjectStat& stat);

  const StorageRoot root_;
  const process::FileDescriptor folder_;
  const process::FileDescriptor temporary_;  // <root>/.tmp/
  Random& random_;
};

}  // namespace weir::storage
