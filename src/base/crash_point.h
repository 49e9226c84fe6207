// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Labelled places where a test build can be killed: with WEIR_CRASH_AT=<label>:<n> in the
/// environment the n-th passing of the label ends the process at once, like kill -9. Nothing in
/// other builds.
#ifdef WEIR_CRASH_POINTS
#define WEIR_CRASH_POINT(label) ::weir::base::pass_crash_point(label)
namespace weir::base {
void pass_crash_point(const char* label);
}
#else
#define WEIR_CRASH_POINT(label) static_cast<void>(0)
#endif
