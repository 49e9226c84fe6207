// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/database/org_scope.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {

/// A transaction over all organisations.
class AllOrgs {
 public:
  explicit AllOrgs(postgres::Connection& connection) : pipeline_(connection) {
    pipeline_.begin();
    pipeline_.add(kSetOrg, std::move(postgres::Params().text(kAllOrgs)));
  }

  /// The place of its result.
  std::size_t add(const postgres::Statement& statement, postgres::Params params = {}) {
    return pipeline_.add(statement, std::move(params));
  }
  Result<std::vector<postgres::Rows>> run() {
    pipeline_.commit();
    return pipeline_.run();
  }

  /// One statement.
  static Result<postgres::Rows> run_one(postgres::Connection& connection,
                                        const postgres::Statement& statement,
                                        postgres::Params params = {}) {
    AllOrgs work(connection);
    const std::size_t at = work.add(statement, std::move(params));
    WEIR_TRY(std::vector<postgres::Rows> results, work.run());
    return std::move(results[at]);
  }

 private:
  postgres::Pipeline pipeline_;
};

}  // namespace weir::dispatcher
