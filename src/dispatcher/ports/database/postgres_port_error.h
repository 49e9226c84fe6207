// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace weir::dispatcher {

/// A driver's error as the ports of the task plane tell it: ABORTED `transaction_conflict` of a
/// deadlock, a serialization failure or a key that another took meanwhile; UNAVAILABLE
/// `unavailable` where the database does not answer, in time or at all; `commit_unknown` and what
/// is no driver's stay as they are.
Error as_port_error(Error error);

}  // namespace weir::dispatcher
