// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/head_source.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/sha256.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/local_config.h"
#include "storage/commit_verifier.h"
#include "storage/folder_object_store.h"

namespace weir::cli {
namespace {

using dispatcher::ServiceRole;
using postgres::Params;
using postgres::Rows;

/// The one user that the local issuer knows.
constexpr const char* kLocalSubject = "admin";

Result<void> name_org(postgres::Connection& session, const std::string& org) {
  WEIR_TRY(const Rows set,
           session.execute("SELECT set_config('weir.org', $1, false)", Params().text(org)));
  return {};
}

Result<base::Uuid> user_of(postgres::Connection& session, const base::Uuid& org,
                           const std::string& issuer) {
  WEIR_TRY(const Rows users,
           session.execute("SELECT user_id FROM state.users WHERE org_id = $1 AND issuer = $2 AND "
                           "subject = $3 AND disabled_at IS NULL",
                           Params().uuid(org).text(issuer).text(kLocalSubject)));
  if (users.empty()) return base::not_found("not_a_member", "no user of this machine may read");
  return users.uuid(0, 0);
}

/// A column of a table, and the JSON it is read as.
struct TableColumnType {
  std::string name;
  std::string type;
};

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

/// What JSON numbers cannot hold travels as text (contract section 0).
std::string json_expression(const TableColumnType& column) {
  std::string name = quoted_name(column.name);
  if (column.type == "numeric") return name + "::text";
  if (column.type != "bigint") return name;
  return "CASE WHEN abs(" + name + "::numeric) > 9007199254740991 THEN to_jsonb(" + name +
         "::text) ELSE to_jsonb(" + name + ") END";
}

}  // namespace

Result<std::unique_ptr<HeadSource>> HeadSource::open(const dispatcher::DispatcherConfig& config,
                                                     HeadRequest request, Random& random) {
  std::unique_ptr<HeadSource> source(new HeadSource(config, std::move(request)));
  source->query_id_ = base::Uuid::parse(base::uuid_v4(random)).value_or(base::Uuid{});
  WEIR_CHECK(source->find_caller());
  WEIR_TRY(source->state_, connect_as(config.state_dsn, ServiceRole::Query));
  WEIR_CHECK(name_org(*source->state_, source->org_id_.text()));
  WEIR_CHECK(source->resolve_and_pin());
  return source;
}

HeadSource::~HeadSource() {
  if (!pinned_) return;
  // A pin that cannot be taken back lapses.
  const auto released =
      state_->execute("DELETE FROM state.query_pins WHERE query_id = $1", Params().uuid(query_id_));
  pinned_ = !released.ok();
}

Result<void> HeadSource::find_caller() {
  WEIR_TRY(const auto session, connect_as(config_.state_dsn, ServiceRole::Dispatcher));
  WEIR_CHECK(name_org(*session, std::string(dispatcher::kAllOrgs)));
  WEIR_TRY(const Rows orgs, session->execute("SELECT org_id FROM state.orgs WHERE slug = $1",
                                             Params().text(config_.org)));
  if (orgs.empty()) return base::not_found("not_found", "there is no organisation " + config_.org);
  org_id_ = orgs.uuid(0, 0);
  WEIR_TRY(user_id_, user_of(*session, org_id_, config_.issuer));
  return {};
}

Result<void> HeadSource::resolve_and_pin() {
  WEIR_CHECK(state_->begin());
  WEIR_TRY(const Rows found,
           state_->execute("SELECT dataset_uuid, dataset_version, dag_version_id, generation, kind "
                           "FROM state.registry_datasets WHERE world = $1 AND dataset_id = $2",
                           Params().text(request_.world).text(request_.dataset_id)));
  if (found.empty()) {
    WEIR_CHECK(state_->rollback());
    return base::not_found("not_found", "there is nothing of that name");
  }
  dataset_ = found.uuid(0, 0);
  version_ = found.uuid(0, 1);
  dag_version_ = found.uuid(0, 2);
  generation_ = found.int64(0, 3);
  kind_ = std::string(found.text(0, 4));
  WEIR_TRY(const Rows pinned,
           state_->execute("INSERT INTO state.query_pins (query_id, dataset_version, org_id, "
                           "principal, expires_at) VALUES ($1, $2, $3, $4, clock_timestamp() + "
                           "make_interval(secs => $5))",
                           Params()
                               .uuid(query_id_)
                               .uuid(version_)
                               .uuid(org_id_)
                               .text("user:" + user_id_.text())
                               .number(kPinSeconds)));
  WEIR_CHECK(state_->commit());
  pinned_ = true;
  return {};
}

JsonTree HeadSource::answer() const {
  JsonTree answer = {{"query_id", query_id_.text()},
                     {"columns", JsonTree::array()},
                     {"rows", JsonTree::array()},
                     {"truncated", false}};
  answer["pinned"] = JsonTree::array({{{"dataset_id", request_.dataset_id},
                                       {"dataset_uuid", dataset_.text()},
                                       {"dataset_version", version_.text()},
                                       {"dag_version_id", dag_version_.text()},
                                       {"generation", generation_}}});
  return answer;
}

Result<std::vector<std::string>> HeadSource::files(Random& random) const {
  WEIR_TRY(const Rows partitions,
           state_->execute(
               "SELECT location, encode(manifest_sha256, 'hex'), coalesce(row_count, 0)"
               " FROM state.registry_partitions WHERE dataset_version = $1 AND "
               "superseded_at IS NULL AND location IS NOT NULL ORDER BY range_start "
               "NULLS LAST, partition_key COLLATE \"C\" LIMIT $2",
               Params().uuid(version_).int64(static_cast<std::int64_t>(kHeadPartitionsMax))));
  WEIR_TRY(const storage::StorageRoot root, storage::StorageRoot::of_folder(config_.object_root));
  WEIR_TRY(const auto store, storage::FolderObjectStore::open(root, random));
  std::vector<std::string> files;
  std::int64_t rows = 0;
  // One row more than asked for tells whether some are cut.
  for (std::size_t i = 0; i < partitions.size() && rows <= request_.rows; ++i) {
    WEIR_TRY(
        const auto objects,
        storage::resolve_commit(*store, {.location = std::string(partitions.text(i, 0)),
                                         .manifest_sha256 = std::string(partitions.text(i, 1))}));
    for (const storage::CommittedObject& object : objects) {
      if (object.facts.rows == 0 && !files.empty()) continue;
      files.push_back(root.place() + "/" + object.key.text());
      rows += object.facts.rows;
    }
  }
  return files;
}

Result<void> HeadSource::read_table(JsonTree& answer) const {
  WEIR_TRY(const auto session, connect_as(data_dsn_of(config_), ServiceRole::Query));
  std::string table = "d_" + version_.text();
  std::erase(table, '-');
  WEIR_TRY(
      const Rows described,
      session->execute("SELECT a.attname::text, format_type(a.atttypid, NULL) FROM "
                       "pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace "
                       "n ON n.oid = c.relnamespace WHERE n.nspname = 'data' AND c.relname = "
                       "$1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attname !~ "
                       "'^_weir_' ORDER BY a.attnum",
                       Params().text(table)));
  std::string list;
  for (std::size_t i = 0; i < described.size(); ++i) {
    const TableColumnType column{std::string(described.text(i, 0)),
                                 std::string(described.text(i, 1))};
    answer["columns"].push_back({{"name", column.name}, {"type", column.type}});
    list += (list.empty() ? "" : ", ") + json_expression(column);
  }
  if (list.empty()) return {};
  // The order of storage is that of the heap, read from its beginning.
  WEIR_CHECK(session->execute_script("SET synchronize_seqscans = off"));
  WEIR_TRY(const Rows rows, session->execute("SELECT jsonb_build_array(" + list +
                                                 ")::text FROM data." + table + " LIMIT $1",
                                             Params().int64(request_.rows + 1)));
  const auto wanted = static_cast<std::size_t>(request_.rows);
  for (std::size_t i = 0; i < std::min(rows.size(), wanted); ++i) {
    answer["rows"].push_back(JsonTree::parse(rows.text(i, 0), nullptr, /*allow_exceptions=*/false));
  }
  answer["truncated"] = rows.size() > wanted;
  return {};
}

Result<void> HeadSource::audit(const JsonTree& answer) const {
  WEIR_TRY(const auto session, connect_as(data_dsn_of(config_), ServiceRole::Query));
  WEIR_CHECK(name_org(*session, org_id_.text()));
  const base::Digest digest =
      base::sha256("head " + std::to_string(request_.rows) + " of " + request_.dataset_id);
  WEIR_TRY(const Rows written,
           session->execute("INSERT INTO data.query_audit (query_id, org_id, user_id, sql_sha256, "
                            "pinned, row_count, truncated) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                            Params()
                                .uuid(query_id_)
                                .uuid(org_id_)
                                .uuid(user_id_)
                                .bytes(std::as_bytes(std::span(digest)))
                                .json(answer["pinned"].dump())
                                .int64(static_cast<std::int64_t>(answer["rows"].size()))
                                .boolean(answer["truncated"] == true)));
  return {};
}

}  // namespace weir::cli
