// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"

namespace weir::cli {

/// Topic to number of messages.
using QueueSizes = std::map<std::string, std::int64_t>;

/// "tag=<tag>;interval=<seconds>": digits pass as they are, a number with s, m or h becomes
/// seconds, other text passes as it is (contract section 4). INVALID_ARGUMENT `interval_too_long`
/// above a day.
Result<std::string> queue_stats_filter(const std::string& tag, const std::string& interval);

/// One JSON object, topic to size.
std::string queue_stats_json(const QueueSizes& sizes);

/// A table, the number of topics in the last line.
std::string queue_stats_text(const QueueSizes& sizes);

}  // namespace weir::cli
