// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "dagmanager/ports/memory_graph_store.h"

/// The memory store's file: "weir graph snapshot 1\n", then length-prefixed records, then BLAKE3 of
/// all before it. Numbers are little-endian.
namespace weir::dagmanager {

/// The graph in the file; an empty one if there is no file.
Result<MemoryGraph> load_snapshot(const std::string& path);

/// Replaces the file as a whole: after a crash there is the old one or the new one.
/// UNAVAILABLE `graph_unavailable` if that fails.
Result<void> save_snapshot(const std::string& path, const MemoryGraph& graph);

/// The bytes between, for tests.
std::string encode_snapshot(const MemoryGraph& graph);
Result<MemoryGraph> decode_snapshot(const std::string& bytes);

}  // namespace weir::dagmanager
