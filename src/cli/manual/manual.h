// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

namespace weir::cli {

/// A page of section 1 of the manual.
struct ManualPage {
  std::string file;  ///< "weir-dagmanager-diff.1"
  std::string text;  ///< roff, man macros
};

/// `weir(1)`, then a page a command that help shows, in the order of help.
std::vector<ManualPage> manual_pages(const CLI::App& app, const std::string& version);

}  // namespace weir::cli
