// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_commit_ledger.h"

#include <utility>

#include "dispatcher/ports/database/org_transaction.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

// Staging stands below its dataset version, whose revisions the primary key finds; whatever else is
// asked for (scratch) is held against all of them.
constexpr postgres::Statement kNamesAny{.name = "ledger_names_any", .sql = R"(
SELECT CASE WHEN a.version IS NULL
            THEN EXISTS (SELECT FROM state.partition_versions p
                          WHERE starts_with(p.location, a.prefix))
            ELSE EXISTS (SELECT FROM state.partition_versions p
                          WHERE p.dataset_version = a.version
                            AND starts_with(p.location, a.prefix)) END
  FROM (SELECT u.prefix, u.place,
               substring(u.prefix from '/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/_staging/')
               ::uuid AS version
          FROM unnest($1::text[]) WITH ORDINALITY AS u (prefix, place)) AS a
 ORDER BY a.place)"};

}  // namespace

Result<std::vector<bool>> PostgresCommitLedger::names_any(std::span<const std::string> prefixes) {
  WEIR_TRY(const auto connection, pool_.acquire(kTaskSessionWait));
  postgres::Params asked;
  asked.text_array(prefixes, [](const std::string& prefix) { return std::string_view(prefix); });
  WEIR_TRY(const postgres::Rows rows,
           OrgTransaction::run_one(*connection, kNamesAny, std::move(asked)));
  std::vector<bool> named;
  named.reserve(prefixes.size());
  for (std::size_t row = 0; row < prefixes.size(); ++row) {
    named.push_back(rows.boolean(row, 0));
  }
  return named;
}

}  // namespace weir::dispatcher
