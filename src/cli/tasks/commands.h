// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// The commands of the task plane (contract section 3.8); as those of cli/commands.h.
namespace weir::cli {

/// `dag plan|deploy`, into the group `dag`.
void add_dag_deploying(CLI::App& group, Session& session);
/// `dag list|show|versions|graph`, likewise.
void add_dag_reading(CLI::App& group, Session& session);

void add_run(CLI::App& parent, Session& session);
/// `task list|show|retry|cancel`.
void add_task(CLI::App& parent, Session& session);
/// `dataset list|show|versions|partitions|head`.
void add_dataset(CLI::App& parent, Session& session);
void add_dataset_head(CLI::App& group, Session& session);
/// Hidden: the child of `dataset head`.
void add_head_child(CLI::App& parent, Session& session);

void add_check(CLI::App& parent, Session& session);
void add_doctor(CLI::App& parent, Session& session);

}  // namespace weir::cli
