// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.pb.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

#include "base/blake3.h"
#include "base/result.h"
#include "dagmanager/core/diff_answer.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"

/// Between records and the wire's messages (contract section 1.1).
namespace weir::dagmanager {

namespace wire = qmtl::services::dagmanager;

/// Reads a message off a request's bytes; INVALID_ARGUMENT `dag_shape` if it is none.
Result<wire::DiffRequest> parse_diff_request(const grpc::ByteBuffer& bytes);

/// Hash over fields 1 to 7, each with its length: the request's mark in deploy row and trace.
base::Digest hash_request(const wire::DiffRequest& request);

/// What stands for the answer's hash where a diff is refused: over the name of the status code and
/// the status message, each with its length. Who asked can make it from what it was told.
base::Digest hash_refusal(const Error& error);

/// The chunks of an answer from number `first` (from 1) on, ready to be sent.
std::vector<grpc::ByteBuffer> make_chunks(const DiffAnswer& answer, std::uint32_t first);
std::uint32_t chunk_count(const DiffAnswer& answer);

wire::NodeRecord make_node_record(const NodeRecord& node, const GraphIndex& index,
                                  const std::string& name);

}  // namespace weir::dagmanager
