// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace weir::cli {

struct UpPorts {
  std::uint16_t grpc = 0;
  std::uint16_t http = 0;
};

/// Checks that both ports of loopback are free, and finds free ones for 0; two different ones.
/// Nothing holds them until the children listen, so free ones are taken from where the kernel does
/// not put outgoing connections. FAILED_PRECONDITION `port_taken`, with the flag that gives
/// another; only after kPortWait, because a killed predecessor's child may take a moment to go.
Result<UpPorts> choose_ports(const UpPorts& wanted, Clock& clock, Random& random);

}  // namespace weir::cli
