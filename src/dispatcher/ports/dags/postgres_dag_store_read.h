// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/dag_store.h"
#include "drivers/postgres/pipeline.h"

/// Reading what stands of a DAG: parts of postgres_dag_store.cc.
namespace weir::dispatcher {

/// The id in a cell of type text.
template <class Id>
Id id_at(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  return Id(Uuid::parse(rows.text(row, column)).value_or(Uuid{}));
}
template <class Id>
std::optional<Id> id_if(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  if (rows.is_null(row, column)) return {};
  return id_at<Id>(rows, row, column);
}

/// A driver's error as the port tells it: `unavailable`, `commit_unknown`, `transaction_conflict`,
/// or what it was.
Error dag_store_error(const Error& error);

/// The first parameters of statements about a DAG: organisation, name, world.
postgres::Params dag_params(const DagName& dag);

/// Queues the statements that read a DAG's standing, and reads their results.
class StandingReader {
 public:
  explicit StandingReader(const StandingRequest& request) : request_(request) {}

  /// `lock`: the row of what is current is locked for the transaction.
  void add_to(postgres::Pipeline& pipeline, bool lock);
  DagStanding read(const std::vector<postgres::Rows>& results) const;

 private:
  postgres::Params dag_params() const;
  void read_builds(const std::vector<postgres::Rows>& results, DagStanding& standing) const;
  void read_same(const std::vector<postgres::Rows>& results, DagStanding& standing) const;

  const StandingRequest& request_;
  std::size_t first_ = 0;
};

}  // namespace weir::dispatcher
