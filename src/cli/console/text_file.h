// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace weir::cli {

/// Reads a file whole; "-" is standard input. NOT_FOUND `file_unreadable` with the system's words,
/// RESOURCE_EXHAUSTED `file_too_large` above kFileBytesMax.
Result<std::string> read_text_file(const std::string& path);

/// Replaces a file's text, or makes it: whole or not at all, also through a crash. UNAVAILABLE
/// `file_unwritable` with the system's words.
Result<void> write_text_file(const std::filesystem::path& path, const std::string& text);

}  // namespace weir::cli
