// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace weir::cli {

struct UpPorts {
  std::uint16_t grpc = 0;
  std::uint16_t http = 0;
  /// Of the task plane; nothing: it is left out, and no port is looked for.
  std::optional<std::uint16_t> tasks = {};
};

/// Checks that these ports of loopback are free, and finds free ones for 0; all different.
/// Nothing holds them until the children listen, so free ones are taken from where the kernel does
/// not put outgoing connections. FAILED_PRECONDITION `port_taken`, with the flag that gives
/// another; only after kPortWait, because a killed predecessor's child may take a moment to go.
Result<UpPorts> choose_ports(const UpPorts& wanted, Clock& clock, Random& random);

}  // namespace weir::cli
