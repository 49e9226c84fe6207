// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dagmanager/topics/topic_restore.h"

/// The topic log as it is printed.
namespace weir::cli {

/// One line of JSON, the row's fields under their names.
std::string log_json(dagmanager::RowId seq, const dagmanager::TopicLogRow& row);
std::string restored_json(const dagmanager::RestoredTopic& topic);

/// For people.
std::string log_line(dagmanager::RowId seq, const dagmanager::TopicLogRow& row);
std::string restored_line(const dagmanager::RestoredTopic& topic);

}  // namespace weir::cli
