// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace weir::bench {

/// The floor that Weir is measured against: a gRPC server on the same library and settings that
/// does no work. It answers every Diff with the chunks kept for the request's strategy id in
/// `chunks_folder`, keeps the window of 10 and counts acknowledgements. Serves on 127.0.0.1:`port`
/// until SIGTERM; returns the exit code.
int run_floor_server(int port, const std::string& chunks_folder);

/// Keeps the chunks, serialised, that the floor is to answer for a strategy id.
void keep_chunks(const std::string& folder, const std::string& strategy,
                 const std::vector<std::string>& chunks);

}  // namespace weir::bench
