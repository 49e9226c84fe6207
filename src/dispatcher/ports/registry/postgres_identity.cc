// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_identity.h"

#include <algorithm>
#include <cstring>

#include "base/uuid.h"
#include "dispatcher/ports/database/org_transaction.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kOrg{.name = "identity_org",
                         .sql =
                             "INSERT INTO state.orgs (org_id, slug, name) VALUES ($1, $2, $2)"
                             " ON CONFLICT (slug) DO NOTHING"};
constexpr Statement kFindOrg{.name = "identity_find_org",
                             .sql = "SELECT org_id FROM state.orgs WHERE slug = $1"};
constexpr Statement kAdmin{
    .name = "identity_admin",
    .sql =
        "INSERT INTO state.users (user_id, org_id, issuer, subject, role)"
        " VALUES ($1, $2, $3, $4, 'admin') ON CONFLICT (issuer, subject) DO NOTHING"};
constexpr Statement kWorkerToken{
    .name = "identity_worker_token",
    .sql =
        "INSERT INTO state.worker_tokens (token_id, name, sha256, expires_at)"
        " VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 microsecond')"
        " ON CONFLICT (sha256) DO NOTHING"};
constexpr Statement kWorkerTokens{
    .name = "identity_worker_tokens",
    .sql =
        "SELECT name, sha256, not_before, expires_at, revoked_at IS NOT NULL"
        " FROM state.worker_tokens"};
constexpr Statement kDenial{
    .name = "identity_denial",
    .sql =
        "INSERT INTO state.audit_log (actor_kind, actor, action, target, decision, request_id,"
        " detail) VALUES ($1, 'unknown', 'authenticate', $2, 'deny', $3,"
        " jsonb_build_object('code', $4::text))"};

Params first_uuid(Instant now, Random& random) {
  Params params;
  params.uuid(base::uuid_v7(now, random));
  return params;
}

}  // namespace

Result<OrgId> ensure_org(postgres::Connection& connection, std::string_view slug, Instant now,
                         Random& random) {
  Params made = first_uuid(now, random);
  made.text(slug);
  WEIR_CHECK(OrgTransaction::run_one(connection, kOrg, std::move(made)));
  Params asked;
  asked.text(slug);
  WEIR_TRY(const Rows rows, OrgTransaction::run_one(connection, kFindOrg, std::move(asked)));
  if (rows.empty()) return base::internal("the organisation that was made is not there");
  return OrgId(rows.uuid(0, 0));
}

Result<void> ensure_admin(postgres::Connection& connection, const OrgId& org,
                          const auth::PrincipalKey& user, Instant now, Random& random) {
  Params params = first_uuid(now, random);
  params.uuid(org.uuid()).text(user.issuer).text(user.subject);
  WEIR_CHECK(OrgTransaction::run_one(connection, kAdmin, std::move(params)));
  return {};
}

Result<void> ensure_worker_token(postgres::Connection& connection, std::string_view name,
                                 const base::Digest& sha256, Instant now, Random& random) {
  Params params = first_uuid(now, random);
  params.text(name).bytes(std::as_bytes(std::span(sha256))).int64(kWorkerTokenLife.count());
  WEIR_CHECK(OrgTransaction::run_one(connection, kWorkerToken, std::move(params)));
  return {};
}

Result<std::vector<auth::StoredWorkerToken>> read_worker_tokens(postgres::Pool& pool) {
  WEIR_TRY(const auto connection, pool.acquire(kUserPoolWait));
  WEIR_TRY(const Rows rows, OrgTransaction::run_one(*connection, kWorkerTokens, {}));
  std::vector<auth::StoredWorkerToken> tokens(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    auth::StoredWorkerToken& token = tokens[row];
    token.name = rows.text(row, 0);
    const auto digest = rows.bytes(row, 1);
    std::memcpy(token.sha256.data(), digest.data(), std::min(digest.size(), token.sha256.size()));
    token.not_before = rows.instant(row, 2);
    token.expires_at = rows.instant(row, 3);
    token.revoked = rows.boolean(row, 4);
  }
  return tokens;
}

Result<void> audit_denial(postgres::Pool& pool, std::string_view actor_kind,
                          std::string_view target, const std::optional<Uuid>& request_id,
                          std::string_view code) {
  WEIR_TRY(const auto connection, pool.acquire(kUserPoolWait));
  Params params;
  params.text(actor_kind).text(target);
  if (request_id) {
    params.uuid(*request_id);
  } else {
    params.null(postgres::Type::Uuid);
  }
  params.text(code);
  WEIR_CHECK(OrgTransaction::run_one(*connection, kDenial, std::move(params)));
  return {};
}

}  // namespace weir::dispatcher
