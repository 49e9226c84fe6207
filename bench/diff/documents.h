// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Strategy graphs to submit, made from the factor model in examples/strategies: the same fields,
/// the same sizes, every node id right.
namespace weir::bench {

/// A graph of `nodes` nodes. Another `edition` is another graph: every node id differs.
std::string document(std::size_t nodes, std::uint64_t edition);

/// The graph of `edition` 0 in which `changed` nodes nobody reads have another name (id): that many
/// are new to a store that knows edition 0.
std::string part_new_document(std::size_t nodes, std::size_t changed, std::uint64_t edition);

}  // namespace weir::bench
