// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// Commands that work on the store itself (contract sections 3.19 and 3.24); as those of
/// cli/commands.h.
namespace weir::cli {

/// `topic-log`.
void add_topic_log(CLI::App& parent, Session& session);
/// `restore-topics`.
void add_restore_topics(CLI::App& parent, Session& session);
/// `compact`.
void add_compact(CLI::App& parent, Session& session);

}  // namespace weir::cli
