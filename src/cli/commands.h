// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// The commands: each function hangs one command, or one group, under `parent`. A command that is
/// named sets `session.action`. `session` outlives the tree.
namespace weir::cli {

/// The version of this build, "0.1.0".
const char* version();

void add_up(CLI::App& parent, Session& session);
void add_down(CLI::App& parent, Session& session);

/// `dagmanager server|diff|submit|explain|queue-stats|events|weight|lint|promote|snapshot`, and
/// what cli/traffic/commands.h and cli/topics/commands.h add to the group.
void add_dagmanager(CLI::App& parent, Session& session);
void add_server(CLI::App& parent, Session& session);
void add_diff(CLI::App& parent, Session& session);
void add_submit(CLI::App& parent, Session& session);
void add_explain(CLI::App& parent, Session& session);
void add_queue_stats(CLI::App& parent, Session& session);
void add_events(CLI::App& parent, Session& session);
void add_metrics(CLI::App& parent, Session& session);
void add_weight(CLI::App& parent, Session& session);
void add_lint(CLI::App& parent, Session& session);
void add_promote(CLI::App& parent, Session& session);
void add_snapshot(CLI::App& parent, Session& session);

/// The roles of the task plane, and hidden: the process of a built-in operator.
void add_dispatcher(CLI::App& parent, Session& session);
void add_worker(CLI::App& parent, Session& session);
void add_operator(CLI::App& parent, Session& session);

/// `dag validate|schema`, and what cli/tasks/commands.h adds to the group.
void add_dag(CLI::App& parent, Session& session);

void add_init(CLI::App& parent, Session& session);
/// `config show`.
void add_config(CLI::App& parent, Session& session);

void add_version(CLI::App& parent, Session& session);
/// `completion bash|zsh|fish`, and the hidden command that the scripts call.
void add_completion(CLI::App& parent, Session& session);
/// `man DIR`.
void add_man(CLI::App& parent, Session& session);
/// Hidden: prints the reference pages.
void add_docs(CLI::App& parent, Session& session);

}  // namespace weir::cli
