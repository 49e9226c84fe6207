// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/database/org_scope.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {

/// A transaction over the rows of one organisation, or of all; its statements take one round trip.
class OrgTransaction {
 public:
  explicit OrgTransaction(postgres::Connection& connection, std::string_view org = kAllOrgs)
      : pipeline_(connection) {
    pipeline_.begin();
    pipeline_.add(kSetOrg, std::move(postgres::Params().text(org)));
  }

  /// The place of its result.
  std::size_t add(const postgres::Statement& statement, postgres::Params params = {}) {
    return pipeline_.add(statement, std::move(params));
  }
  Result<std::vector<postgres::Rows>> run() {
    pipeline_.commit();
    return pipeline_.run();
  }

  /// One statement over all organisations.
  static Result<postgres::Rows> run_one(postgres::Connection& connection,
                                        const postgres::Statement& statement,
                                        postgres::Params params = {}) {
    OrgTransaction work(connection);
    const std::size_t at = work.add(statement, std::move(params));
    WEIR_TRY(std::vector<postgres::Rows> results, work.run());
    return std::move(results[at]);
  }

 private:
  postgres::Pipeline pipeline_;
};

}  // namespace weir::dispatcher
