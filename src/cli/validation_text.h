// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "dispatcher/dagfile/validate.h"

namespace weir::cli {

/// The answer about one file.
struct FileReport {
  std::string file;
  dispatcher::ValidationReport report;
};

/// A line a fault, `file:line:column: code detail`, and a line a file that is valid.
std::string validation_text(const std::vector<FileReport>& reports);

/// `{file, valid, errors, warnings}`; of several files a list of these.
std::string validation_json(const std::vector<FileReport>& reports);

}  // namespace weir::cli
