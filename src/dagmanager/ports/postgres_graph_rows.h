// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/records.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/rows.h"
#include "drivers/postgres/statement.h"

/// Records as parameters and rows of the statements in postgres_graph_sql.h, and the driver's
/// errors in the words of the port.
namespace weir::dagmanager {

/// GraphStore's fault for one of the driver's: `commit_unknown` stays, what another transaction
/// took or turned becomes `graph_moved`, what cannot be reached or takes too long
/// `graph_unavailable`. What is our own mistake (a statement that the server refuses) stays as it
/// is.
Error graph_error(Error error);

template <class T>
Result<T> with_graph_error(Result<T> result) {
  if (!result.ok()) return graph_error(std::move(result).error());
  return result;
}

/// A text[] as PostgreSQL writes it: how lists of lists travel, since arrays of arrays must be
/// even.
std::string array_text(std::span<const std::string> items);

/// 16 bytes that stand for a text in an index; a range of texts as an array of them.
std::string key_hash(std::string_view text);
std::span<const std::byte> as_bytes(std::string_view bytes);

/// Rows as the one parameter of a statement; those that a statement gave in its first column.
postgres::Params rows_params(const std::vector<RowId>& rows);
std::vector<RowId> read_row_ids(const postgres::Rows& rows);

/// Rows as PostgreSQL writes an int8multirange: "{[3,7),[9,10)}".
std::string ranges_text(std::vector<RowId> rows);

/// Queue ids of an outbox row (0001_graph.sql says how), and back.
std::string pack_ids(std::span<const RowId> rising);
std::vector<RowId> unpack_ids(std::span<const std::byte> packed);

/// A node and the row it is to have.
struct NodeOfRow {
  RowId row;
  const NodeRecord* record;
};

/// The columns of kReadNodes, kReadQueues and the like, row by row.
NodeRecord read_node(const postgres::Rows& rows, std::size_t row);
DeployRecord read_deploy(const postgres::Rows& rows, std::size_t row);
namespace sql {
extern const postgres::Statement kReadDeploys;  ///< of keys, for read_deploy
}
SentinelRecord read_sentinel(const postgres::Rows& rows, std::size_t row);
TopicLogRow read_log_row(const postgres::Rows& rows, std::size_t row);

/// Adds the artifacts of kReadUses to the nodes, which are in order of their rows.
void read_uses(const postgres::Rows& rows, std::span<NodeRecord> nodes);

/// Binding contexts by their key.
using BindingContexts = std::map<std::string, std::shared_ptr<const BindingContext>, std::less<>>;

std::string context_key(const BindingContext& binding);
void read_contexts(const postgres::Rows& rows, BindingContexts& contexts);

/// DATA_LOSS `graph_damaged` if the row's context is not among `contexts`.
Result<QueueRecord> read_queue(const postgres::Rows& rows, std::size_t row,
                               const BindingContexts& contexts);

postgres::Params context_params(const BindingContext& binding);
postgres::Params node_params(std::span<const NodeOfRow> nodes);
postgres::Params deploy_params(const DeployRecord& deploy);
postgres::Params sentinel_params(const SentinelRecord& sentinel);

/// The log cut where moment, actor or cause change, and one such piece as kInsertLog takes it.
std::vector<std::span<const TopicLogRow>> log_batches(std::span<const TopicLogRow> log);
postgres::Params log_params(std::span<const TopicLogRow> batch);

}  // namespace weir::dagmanager
