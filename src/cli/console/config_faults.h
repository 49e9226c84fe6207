// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"

namespace weir::cli {

/// All faults of a configuration, one line each, however many: "weir.yml:12:3: unknown_key: …".
std::string config_faults_text(const Error& error);

}  // namespace weir::cli
