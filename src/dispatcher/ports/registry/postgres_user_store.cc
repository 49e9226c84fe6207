// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_user_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "dispatcher/ports/database/org_transaction.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "drivers/postgres/pool.h"
#include "drivers/postgres/statement.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;
using postgres::Type;

constexpr Statement kFindUser{.name = "user_find",
                              .sql =
                                  "SELECT user_id, org_id, role FROM state.users"
                                  " WHERE issuer = $1 AND subject = $2 AND disabled_at IS NULL"};

constexpr Statement kAudit{
    .name = "user_audit",
    .sql =
        "INSERT INTO state.audit_log (org_id, actor_kind, actor, action, target, decision,"
        " request_id, detail) VALUES ($1::uuid, 'user', $2, $3, $4, $5, $6, $7)"};

// A key in use is status 0 until its answer is kept. No change of a key waits for the disk: what is
// done under it is on the disk only behind its reservation, and an answer that a crash of the
// server undid is one that was not kept, as after a crash of this program: what was done, done
// again, changes nothing.
constexpr Statement kReserve{
    .name = "user_reserve",
    .sql =
        "INSERT INTO state.idempotency_keys AS k"
        " (org_id, route, key, request_sha256, status, response, expires_at)"
        " VALUES ($1::uuid, $2, $3, $4, 0, 'null',"
        "         clock_timestamp() + $5 * interval '1 microsecond')"
        " ON CONFLICT (org_id, route, key) DO UPDATE"
        " SET request_sha256 = excluded.request_sha256, status = 0, response = 'null',"
        "     expires_at = excluded.expires_at"
        " WHERE k.expires_at <= clock_timestamp() RETURNING true"};

constexpr Statement kReadKept{
    .name = "user_read_kept",
    .sql =
        "SELECT request_sha256, status, response #>> '{}' FROM state.idempotency_keys"
        " WHERE org_id = $1::uuid AND route = $2 AND key = $3"};

constexpr Statement kKeep{
    .name = "user_keep",
    .sql =
        "UPDATE state.idempotency_keys"
        " SET status = $5, response = to_jsonb($6::text),"
        "     expires_at = clock_timestamp() + $7 * interval '1 microsecond'"
        " WHERE org_id = $1::uuid AND route = $2 AND key = $3 AND request_sha256 = $4"
        " AND status = 0"};

constexpr Statement kRelease{
    .name = "user_release",
    .sql =
        "DELETE FROM state.idempotency_keys WHERE org_id = $1::uuid AND route = $2"
        " AND key = $3 AND request_sha256 = $4 AND status = 0"};

Params key_params(const RepeatKey& key) {
  Params params;
  params.text(key.org_id.text()).text(key.route).text(key.key);
  return params;
}

Reservation reservation_of(const RepeatKey& key, const Rows& reserved, const Rows& kept) {
  if (!reserved.empty()) return {.repeat = Repeat::First};
  // Its holder has let go of it just now.
  if (kept.empty()) return {.repeat = Repeat::Running};
  if (!std::ranges::equal(kept.bytes(0, 0), key.request_sha256)) {
    return {.repeat = Repeat::Conflict};
  }
  const auto status = static_cast<int>(kept.int64(0, 1));
  if (status == 0) return {.repeat = Repeat::Running};
  return {.repeat = Repeat::Done,
          .answer = KeptAnswer{.status = status, .body = std::string(kept.text(0, 2))}};
}

}  // namespace

Result<std::optional<Principal>> PostgresUserStore::find_user(std::string_view issuer,
                                                              std::string_view subject) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection);
  const std::size_t at = work.add(kFindUser, Params().text(issuer).text(subject));
  WEIR_TRY(const auto results, work.run());
  const Rows& rows = results[at];
  if (rows.empty()) return std::optional<Principal>();
  const std::optional<auth::Role> role = auth::role_from(rows.text(0, 2));
  if (!role) return base::internal("a user has a role that is none");
  return std::optional(Principal{
      .user_id = UserId(rows.uuid(0, 0)), .org_id = OrgId(rows.uuid(0, 1)), .role = *role});
}

Result<void> PostgresUserStore::audit(const AuditEntry& entry) {
  const std::string org = entry.org_id ? entry.org_id->text() : std::string(kAllOrgs);
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection, org);
  Params params;
  params.text_or_null(entry.org_id ? std::optional(org) : std::nullopt)
      .text(entry.actor)
      .text(entry.action)
      .text(entry.target)
      .text(entry.decision == AuditDecision::Allow ? "allow" : "deny");
  if (entry.request_id) {
    params.uuid(*entry.request_id);
  } else {
    params.null(Type::Uuid);
  }
  work.add(kAudit, std::move(params.json(entry.detail_json)));
  WEIR_CHECK(work.run());
  return {};
}

Result<Reservation> PostgresUserStore::reserve(const RepeatKey& key, Duration hold) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection, key.org_id.text());
  work.add(postgres::kCommitAtOnce);
  const std::size_t reserved =
      work.add(kReserve, std::move(key_params(key).bytes(key.request_sha256).int64(hold.count())));
  const std::size_t kept = work.add(kReadKept, key_params(key));
  WEIR_TRY(const auto results, work.run());
  return reservation_of(key, results[reserved], results[kept]);
}

Result<KeptAnswer> PostgresUserStore::keep(const RepeatKey& key, const KeptAnswer& answer,
                                           Duration span) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection, key.org_id.text());
  work.add(postgres::kCommitAtOnce);
  work.add(kKeep, std::move(key_params(key)
                                .bytes(key.request_sha256)
                                .int32(answer.status)
                                .text(answer.body)
                                .int64(span.count())));
  const std::size_t at = work.add(kReadKept, key_params(key));
  WEIR_TRY(const auto results, work.run());
  const Reservation kept = reservation_of(key, Rows(), results[at]);
  return kept.answer.value_or(answer);
}

Result<void> PostgresUserStore::release(const RepeatKey& key) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection, key.org_id.text());
  work.add(postgres::kCommitAtOnce);
  work.add(kRelease, std::move(key_params(key).bytes(key.request_sha256)));
  WEIR_CHECK(work.run());
  return {};
}

}  // namespace weir::dispatcher
