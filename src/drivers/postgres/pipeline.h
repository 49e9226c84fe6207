// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/rows.h"
#include "drivers/postgres/statement.h"

namespace weir::postgres {

/// Several statements in one round trip and one transaction:
///
///     Pipeline pipeline(connection);
///     pipeline.begin();
///     pipeline.add(kInsertNodes, Params().text_array(ids));
///     pipeline.commit();
///     WEIR_TRY(auto results, pipeline.run());   // results[1] is the insert's
///
/// Without begin() the statements belong to the transaction that is open, or else form one of their
/// own, committed at the end. Borrows the connection; one thread at a time.
class Pipeline {
 public:
  /// `connection` must outlive the pipeline.
  explicit Pipeline(Connection& connection) : connection_(connection) {}
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline() = default;

  /// Each queues a statement and gives the index of its result. begin() can only come first,
  /// commit() last.
  std::size_t begin();
  std::size_t add(const Statement& statement, Params params = {});
  std::size_t add(std::string sql, Params params = {});
  std::size_t commit();

  std::size_t size() const { return queued_.size(); }

  /// Sends everything and waits for all replies; the pipeline is empty afterwards. Gives one Rows
  /// for each queued statement, begin and commit included, or the error of the first that failed
  /// (Connection::last_failure() holds its SQLSTATE and index). After a failure nothing of this run
  /// is kept; a transaction that this run began is closed, one begun earlier is left failed and
  /// needs Connection::rollback(). `meanwhile` is Connection::run's.
  Result<std::vector<Rows>> run(const std::function<void()>& meanwhile = {});

  /// run() in two halves, as Connection::start and finish. After start(true) statements may be
  /// added and handed over with extend(), once; else nothing is added in between. A pipeline that
  /// is destroyed in between must take its connection with it.
  Result<void> start(bool more = false);
  Result<void> extend();
  Result<std::vector<Rows>> finish();

 private:
  struct Queued {
    Statement statement;  // name null: run `sql` unnamed.
    std::string sql;
    Params params;
    Request::Kind kind;
  };
  std::size_t push(Queued queued);
  void list_requests();

  Connection& connection_;
  std::deque<Queued> queued_;
  std::vector<Request> requests_;  // of `queued_`, while they are under way
};

}  // namespace weir::postgres
