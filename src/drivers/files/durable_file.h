// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

/// What makes a file outlive a power cut. Failures are false, with errno.
namespace weir::files {

/// Writes all bytes, however many calls that takes.
bool write_all(int file, std::string_view bytes);

/// The same, and on the disk when it returns.
bool write_durably(int file, std::string_view bytes);

/// A file's new name is durable once its folder is.
bool sync_folder_of(const std::filesystem::path& path);

}  // namespace weir::files
