// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dagmanager.pb.h"

/// Answers of a DAG manager as they are printed.
namespace weir::cli {

namespace wire = qmtl::services::dagmanager;

/// One line of JSON, the message's fields under their names.
std::string hit_json(const wire::CrossContextHit& hit);
/// Members in the order of their names.
std::string result_json(const wire::DiffResult& result);

std::string rollout_json(const wire::Rollout& rollout);

/// For people.
std::string rollout_line(const wire::Rollout& rollout);
std::string hit_line(const wire::CrossContextHit& hit);
std::string result_text(const wire::DiffResult& result);

}  // namespace weir::cli
