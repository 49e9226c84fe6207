// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dagmanager/compaction/compactor.h"

/// A compaction as it is printed.
namespace weir::cli {

/// A line of JSON each for sentinels and nodes that would go.
std::string planned_json(const dagmanager::CompactionReport& report);
/// One line of JSON: how many.
std::string counts_json(const dagmanager::CompactionReport& report, bool dry);

/// For people.
std::string planned_lines(const dagmanager::CompactionReport& report);
std::string counts_line(const dagmanager::CompactionReport& report, bool dry);
std::string kept_line(const dagmanager::KeptSentinel& kept);

}  // namespace weir::cli
