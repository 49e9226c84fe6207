// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/client/event_feed.h"
#include "cli/console/console.h"

namespace weir::cli {

/// A control event as one line for people: its number, when, what, about what.
std::string event_text(const FeedEvent& event, const Paint& paint);

}  // namespace weir::cli
