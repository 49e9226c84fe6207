// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// How this process treats the allocator: a large diff takes tens of megabytes for tens of
/// milliseconds, on whichever thread it runs, and the graph that stays is small beside that.
namespace weir::server {

/// Once, before any thread is there: few heaps, so that what one diff freed the next one takes, on
/// whatever thread. (The allocator also asks no file of the system any more how many to make; gRPC
/// 1.51 takes the errno of that for its connect's where the file is missing.)
void share_heaps();

/// Gives freed pages back to the system. A few milliseconds; for after something large.
void give_back_freed_memory();

}  // namespace weir::server
