// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dagmanager.pb.h"

/// Answers of a DAG manager as they are printed.
namespace weir::cli {

namespace wire = qmtl::services::dagmanager;

/// One line of JSON, the message's fields under their names.
std::string hit_json(const wire::CrossContextHit& hit);
/// One line for people.
std::string hit_line(const wire::CrossContextHit& hit);

}  // namespace weir::cli
