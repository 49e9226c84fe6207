// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"
#include "storage/object_store.h"

/// How keys become files below a folder without following a link: every folder is opened by its
/// name in the one above, O_NOFOLLOW.
namespace weir::storage {

/// Folders are their owner's alone.
inline constexpr mode_t kFolderMode = 0700;

/// What to do about folders of a key that are not there.
enum class Missing : std::uint8_t { Refuse, Make };

/// The folders that lead to a key, outermost first, and its last segment.
struct WalkedPath {
  std::vector<process::FileDescriptor> folders;  ///< below the root; empty: the root itself
  std::vector<std::string> names;                ///< of those folders
  std::string name;

  int parent(int root) const { return folders.empty() ? root : folders.back().number(); }
};

/// Opens the folders of a key. `object_not_found` (Refuse) or, with Make, `key_conflict` where an
/// object stands in the way and UNAVAILABLE `folder_vanished` if another took a folder away
/// meanwhile.
Result<WalkedPath> walk(int root, const ObjectKey& key, Missing missing);

/// Opens an object to be read: a plain file, by no link.
Result<process::FileDescriptor> open_object(int root, const ObjectKey& key);

/// Takes away the folders of a path that are empty, innermost first.
void prune(int root, const WalkedPath& path);

/// Takes away all folders below a prefix that hold nothing.
void prune_below(int root, const ObjectPrefix& prefix);

/// Objects below a prefix, in the order of their keys. Links, devices and files whose names are no
/// keys are none.
Result<ObjectPage> list_folder(int root, const ObjectPrefix& prefix, const ListOptions& options);

/// Names in a folder except `.` and `..`.
Result<std::vector<std::string>> names_in(int folder);

}  // namespace weir::storage
