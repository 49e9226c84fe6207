// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/http/listen_address.h"

namespace weir::cli {

/// True if GET /readyz at this address answers 200 within kReadyAnswerTimeout.
bool is_ready(const server::ListenAddress& http);

}  // namespace weir::cli
