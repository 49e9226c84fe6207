// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "dagmanager/core/records.h"

namespace weir::dagmanager {

/// What a row of the topic log says of whether its topic is there.
enum class LogEffect : std::uint8_t { None, Makes, Ends };
LogEffect log_effect(const TopicLogRow& row);

/// Which rows older than `horizon` stay (contract section 3.19), for rows oldest first: of each
/// topic that was still there then, the one that made it and the last one. So the log replayed
/// gives the topics at each instant from the horizon on.
std::vector<bool> rows_that_stay(std::span<const TopicLogRow> rows, Instant horizon);

}  // namespace weir::dagmanager
