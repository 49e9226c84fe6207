// SPDX-License-Identifier: Apache-2.0
// What an acceptance writes besides tasks, a statement a table (contract section 6.1).
#include <ranges>

#include "base/sha256.h"
#include "dispatcher/ports/tasks/postgres_task_accept.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Statement;

constexpr Statement kInsertEvents = {
    "accept_insert_events",
    "INSERT INTO state.events (event_id, org_id, dataset_uuid, dataset_version, seq,"
    " producer_task_id, producer_attempt, kind, scope_key, cursor_int, range_start, range_end,"
    " class, root_event_id, payload, accepted_at)"
    " SELECT a, b, c, d, e, f, g, h, i, j, k, l, m, n, o::jsonb, $16::timestamptz"
    " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[],"
    " $7::int[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[],"
    " $13::text[], $14::uuid[], $15::text[]) AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)"};

constexpr Statement kUpdateVersions = {
    "accept_update_versions",
    "UPDATE state.dataset_versions AS v SET last_seq = u.b, cursor_type = coalesce(u.c,"
    " v.cursor_type), max_cursor_int = u.d, max_cursor_text = u.e,"
    " row_count = v.row_count + u.f, bytes = v.bytes + u.g"
    " FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[],"
    " $7::bigint[]) AS u (a, b, c, d, e, f, g) WHERE v.dataset_version = u.a"};

constexpr Statement kClosePartitions = {
    "accept_close_partitions",
    "WITH closed AS (UPDATE state.partition_versions AS p SET superseded_at = $3::timestamptz"
    " FROM unnest($1::uuid[], $2::text[]) AS u (v, k) WHERE p.dataset_version = u.v"
    " AND p.partition_key = u.k AND p.superseded_at IS NULL"
    " RETURNING p.dataset_version, p.row_count, p.bytes)"
    " UPDATE state.dataset_versions AS v SET row_count = v.row_count - c.rows,"
    " bytes = v.bytes - c.bytes FROM (SELECT dataset_version, sum(row_count) AS rows,"
    " sum(bytes) AS bytes FROM closed GROUP BY dataset_version HAVING sum(row_count) > 0"
    " OR sum(bytes) > 0) AS c WHERE v.dataset_version = c.dataset_version"};

constexpr Statement kInsertPartitions = {
    "accept_insert_partitions",
    "INSERT INTO state.partition_versions (dataset_version, partition_key, revision, event_id,"
    " producer_task_id, producer_attempt, range_start, range_end, location, manifest_sha256,"
    " row_count, bytes, schema_hash, committed_at, superseded_at)"
    " SELECT a, b, 1 + c + coalesce((SELECT max(q.revision) FROM state.partition_versions q"
    " WHERE q.dataset_version = u.a AND q.partition_key = u.b), 0), d, e, f, g, h, i,"
    " decode(j, 'hex'), k, l, m, $15::timestamptz, CASE WHEN n THEN NULL ELSE $15::timestamptz END"
    " FROM unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::uuid[], $6::int[],"
    " $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[],"
    " $13::text[], $14::bool[]) AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n)"};

constexpr Statement kInsertRejections = {
    "accept_insert_rejections",
    "INSERT INTO state.route_rejections (consumer_build_id, input_index, event_id, reason)"
    " SELECT a, b, c, 'cursor_on_partition_input'"
    " FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS u (a, b, c)"};

// A row that another made meanwhile fails the key, and the acceptance is repeated.
constexpr Statement kInsertStates = {
    "accept_insert_states",
    "INSERT INTO state.operator_state (build_id, state_key, state, revision, task_id, updated_at)"
    " SELECT a, b, c::jsonb, d, e, clock_timestamp()"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[])"
    " AS u (a, b, c, d, e)"};

constexpr Statement kUpdateStates = {
    "accept_update_states",
    "UPDATE state.operator_state AS s SET state = u.c::jsonb, revision = u.d, task_id = u.e,"
    " updated_at = clock_timestamp()"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[])"
    " AS u (a, b, c, d, e) WHERE s.build_id = u.a AND s.state_key = u.b"};

constexpr Statement kInsertManifests = {
    "accept_insert_manifests",
    "INSERT INTO state.batch_manifests (build_id, source_dataset_version, batch_no, manifest,"
    " sha256, event_id) SELECT a, b, c, d::jsonb, sha256(convert_to(d, 'UTF8')), e"
    " FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[])"
    " AS u (a, b, c, d, e)"};

std::optional<std::int64_t> number_in(const std::optional<Cursor>& cursor) {
  const auto* number = cursor ? std::get_if<std::int64_t>(&*cursor) : nullptr;
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

std::optional<std::string_view> text_in(const std::optional<Cursor>& cursor) {
  const auto* text = cursor ? std::get_if<std::string>(&*cursor) : nullptr;
  return text != nullptr ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<std::string_view> type_of(const std::optional<Cursor>& cursor) {
  if (!cursor) return std::nullopt;
  return std::holds_alternative<std::int64_t>(*cursor) ? "int" : "text";
}

}  // namespace

void Acceptance::write(Pipeline& pipeline) const {
  if (!events_.empty()) {
    write_events(pipeline);
    write_versions(pipeline);
  }
  if (!partitions_.empty()) write_partitions(pipeline);
  write_beside(pipeline);
}

void Acceptance::write_events(Pipeline& pipeline) const {
  Params params;
  params.uuid_array(events_, [](const Event& e) { return e.accepted.event_id.uuid(); })
      .uuid_array(events_, [](const Event& e) { return e.org_id.uuid(); })
      .uuid_array(events_, [](const Event& e) { return e.accepted.dataset.uuid(); })
      .uuid_array(events_, [](const Event& e) { return e.accepted.version.uuid(); })
      .int64_array(events_, [](const Event& e) { return e.accepted.seq; })
      .uuid_array(events_, [](const Event& e) { return e.producer.uuid(); })
      .int32_array(events_, &Event::attempt)
      .text_array(events_,
                  [](const Event& e) { return e.given->partition_key ? "partition" : "cursor"; })
      .text_array(events_, &Event::scope)
      .int64_array(events_, [](const Event& e) { return number_in(e.given->cursor); })
      .int64_array(events_, [](const Event& e) { return e.given->start; })
      .int64_array(events_, [](const Event& e) { return e.given->end; })
      .text_array(events_, [](const Event& e) { return word(e.task_class); })
      .uuid_array(events_, [](const Event& e) { return e.root.uuid(); })
      .text_array(events_, [](const Event& e) { return std::string_view(e.given->payload_json); })
      .instant(transaction_.now());
  pipeline.add(kInsertEvents, std::move(params));
}

void Acceptance::write_versions(Pipeline& pipeline) const {
  std::vector<Version> changed;
  for (const auto& [id, version] : versions_) {
    if (version.changed) changed.push_back(version);
  }
  Params params;
  params.uuid_array(changed, [](const Version& v) { return v.id.uuid(); })
      .int64_array(changed, &Version::last_seq)
      .text_array(changed, [](const Version& v) { return type_of(v.max_cursor); })
      .int64_array(changed, [](const Version& v) { return number_in(v.max_cursor); })
      .text_array(changed, [](const Version& v) { return text_in(v.max_cursor); })
      .int64_array(changed, &Version::rows_added)
      .int64_array(changed, &Version::bytes_added);
  pipeline.add(kUpdateVersions, std::move(params));
}

void Acceptance::write_partitions(Pipeline& pipeline) const {
  const auto keys = std::views::keys(revisions_);
  Params closed;
  closed.uuid_array(keys, [](const auto& key) { return key.first.uuid(); })
      .text_array(keys, [](const auto& key) { return std::string_view(key.second); })
      .instant(transaction_.now());
  pipeline.add(kClosePartitions, std::move(closed));

  const auto of_event = [this](auto read) {
    return [this, read](const Partition& p) { return read(events_[p.event]); };
  };
  const auto of_commit = [this](auto read) {
    return [this, read](const Partition& p) {
      const auto& commit = events_[p.event].given->commit;
      return commit ? std::optional(read(*commit)) : std::nullopt;
    };
  };
  using Commit = storage::CommitFacts;
  const auto text = [](const std::string& value) { return std::string_view(value); };
  Params params;
  params.uuid_array(partitions_, of_event([](const Event& e) { return e.accepted.version.uuid(); }))
      .text_array(partitions_, of_event([text](const Event& e) { return text(e.scope); }))
      .int32_array(partitions_, &Partition::ordinal)
      .uuid_array(partitions_, of_event([](const Event& e) { return e.accepted.event_id.uuid(); }))
      .uuid_array(partitions_, of_event([](const Event& e) { return e.producer.uuid(); }))
      .int32_array(partitions_, of_event([](const Event& e) { return e.attempt; }))
      .int64_array(partitions_, of_event([](const Event& e) { return e.given->start; }))
      .int64_array(partitions_, of_event([](const Event& e) { return e.given->end; }))
      .text_array(partitions_, of_commit([text](const Commit& c) { return text(c.location); }))
      .text_array(partitions_,
                  of_commit([text](const Commit& c) { return text(c.manifest_sha256); }))
      .int64_array(partitions_, of_commit([](const Commit& c) { return c.row_count; }))
      .int64_array(partitions_, of_commit([](const Commit& c) { return c.bytes; }))
      .text_array(partitions_, of_commit([text](const Commit& c) { return text(c.schema_hash); }))
      .boolean_array(partitions_, &Partition::last)
      .instant(transaction_.now());
  pipeline.add(kInsertPartitions, std::move(params));
}

void Acceptance::write_beside(Pipeline& pipeline) const {
  if (!rejections_.empty()) {
    Params params;
    params.uuid_array(rejections_, [](const auto& r) { return std::get<0>(r).uuid(); })
        .int32_array(rejections_, [](const auto& r) { return std::get<1>(r); })
        .uuid_array(rejections_, [](const auto& r) { return std::get<2>(r).uuid(); });
    pipeline.add(kInsertRejections, std::move(params));
  }
  for (const bool exists : {false, true}) {
    std::vector<std::pair<StateKey, const State*>> rows;
    for (const auto& [key, state] : states_) {
      if (state.written != nullptr && state.exists == exists) rows.emplace_back(key, &state);
    }
    if (rows.empty()) continue;
    Params params;
    params.uuid_array(rows, [](const auto& r) { return r.first.first.uuid(); })
        .text_array(rows, [](const auto& r) { return std::string_view(r.first.second); })
        .text_array(rows,
                    [](const auto& r) { return std::string_view(r.second->written->state_json); })
        .int64_array(rows, [](const auto& r) { return r.second->revision; })
        .uuid_array(rows, [](const auto& r) { return r.second->writer->uuid(); });
    pipeline.add(exists ? kUpdateStates : kInsertStates, std::move(params));
  }
  if (manifests_.empty()) return;
  Params params;
  params.uuid_array(manifests_, [](const Manifest& m) { return m.build.uuid(); })
      .uuid_array(manifests_, [](const Manifest& m) { return m.source.uuid(); })
      .int64_array(manifests_, &Manifest::batch_no)
      .text_array(manifests_, &Manifest::json)
      .uuid_array(manifests_, [](const Manifest& m) { return m.event.uuid(); });
  pipeline.add(kInsertManifests, std::move(params));
}

}  // namespace weir::dispatcher
