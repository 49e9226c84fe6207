// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "drivers/postgres/statement.h"

/// Every statement of the PostgreSQL graph store, by table. Tables are named with their schema: no
/// search path decides what is meant. A change takes its locks in one order: nodes, queues,
/// deploys, the epoch, then what its holder writes. Instants in arrays are microseconds since 1970.
namespace weir::dagmanager::sql {

using postgres::Statement;

#define WEIR_DAG_INSTANT(column) "'epoch'::timestamptz + " column " * interval '1 microsecond'"

// graph_epoch, graph_change

#define WEIR_DAG_EACH(range) "generate_series(lower(" range "), upper(" range ") - 1)"

inline constexpr Statement kRead = {
    "dag_read",
    "SELECT e.epoch, e.stamp, d.last_seen, coalesce(d.ended_at, d.taken_back_at) IS NOT NULL,"
    " d.sentinel_due FROM weir_dagmanager.graph_epoch e"
    " LEFT JOIN weir_dagmanager.deploy d ON d.deploy_key = $1"};

inline constexpr Statement kSnapshot = {
    "dag_snapshot", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"};

inline constexpr Statement kReadPosition = {"dag_read_position",
                                            "SELECT epoch, stamp FROM weir_dagmanager.graph_epoch"};

/// The fence: whoever holds this row is the only one that raises the epoch, tells events or logs.
inline constexpr Statement kLockEpoch = {
    "dag_lock_epoch", "SELECT epoch, stamp, event_seq FROM weir_dagmanager.graph_epoch FOR UPDATE"};

inline constexpr Statement kRaiseEpoch = {
    "dag_raise_epoch",
    "UPDATE weir_dagmanager.graph_epoch SET epoch = $1, stamp = $2, event_seq = $3"};

/// $1: an epoch; what came after it. $2: how many rows at most.
inline constexpr Statement kReadChanges = {
    "dag_read_changes",
    "SELECT epoch, stamp, ARRAY(SELECT " WEIR_DAG_EACH("n") " FROM unnest(node_seqs) n),"
    " ARRAY(SELECT " WEIR_DAG_EACH("q") " FROM unnest(queue_ids) q)"
    " FROM weir_dagmanager.graph_change WHERE epoch > $1 ORDER BY epoch LIMIT $2"};

inline constexpr Statement kInsertChange = {
    "dag_insert_change",
    "INSERT INTO weir_dagmanager.graph_change (epoch, stamp, diff_id, node_seqs, queue_ids, at)"
    " VALUES ($1, $2, $3, $4::text::int8multirange, $5::text::int8multirange, $6)"};

// compute_node, artifact, used_by

inline constexpr Statement kInsertNodes = {
    "dag_insert_nodes",
    "INSERT INTO weir_dagmanager.compute_node (node_seq, node_key, node_id, node_type,"
    " interval_seconds, period, params_canon, dependencies, schema_compat_id, code_hash,"
    " fingerprint, schema_hash, name, owner, tags, query_tags, query_match_all,"
    " query_interval_seconds, global, created_at)"
    " SELECT unnest($1::bigint[]), unnest($2::bytea[]), unnest($3::text[]), unnest($4::text[]),"
    " unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[]), unnest($8::text[])::text[],"
    " unnest($9::text[]), unnest($10::text[]), unnest($11::bytea[]), unnest($12::text[]),"
    " unnest($13::text[]), unnest($14::text[]), unnest($15::text[])::text[],"
    " unnest($16::text[])::text[], unnest($17::boolean[]), unnest($18::bigint[]),"
    " unnest($19::boolean[]), " WEIR_DAG_INSTANT("unnest($20::bigint[])")};

#define WEIR_DAG_NODE_COLUMNS                                                                \
  "SELECT node_seq, node_id, node_type, interval_seconds, period, params_canon,"             \
  " dependencies, schema_compat_id, code_hash, fingerprint, schema_hash, name, owner, tags," \
  " query_tags, query_match_all, query_interval_seconds, global, created_at"                 \
  " FROM weir_dagmanager.compute_node"
#define WEIR_DAG_TOUCHED(column) \
  "ANY (ARRAY(SELECT " WEIR_DAG_EACH("r") " FROM weir_dagmanager.graph_change c,"       \
  " unnest(c." column ") r WHERE c.epoch > $1))"

inline constexpr Statement kReadTouchedNodes = {
    "dag_read_touched_nodes", WEIR_DAG_NODE_COLUMNS
    " WHERE node_seq = " WEIR_DAG_TOUCHED("node_seqs") " ORDER BY node_seq LIMIT $2"};

/// A page: the rows after $1.
inline constexpr Statement kReadNodePage = {
    "dag_read_node_page", WEIR_DAG_NODE_COLUMNS " WHERE node_seq > $1 ORDER BY node_seq LIMIT $2"};

inline constexpr Statement kInsertArtifacts = {
    "dag_insert_artifacts",
    "INSERT INTO weir_dagmanager.artifact (checksum, path, size, framework, dtype)"
    " SELECT DISTINCT ON (u.c) u.* FROM (SELECT unnest($1::text[]) COLLATE \"C\" AS c,"
    " unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]), unnest($5::text[])) u"
    " ORDER BY u.c ON CONFLICT (checksum) DO NOTHING"};

inline constexpr Statement kHoldArtifacts = {
    "dag_hold_artifacts",
    "SELECT checksum, size FROM weir_dagmanager.artifact WHERE checksum = ANY ($1)"
    " ORDER BY checksum FOR KEY SHARE"};

inline constexpr Statement kInsertUses = {
    "dag_insert_uses",
    "INSERT INTO weir_dagmanager.used_by (node_seq, place, checksum, path, framework, dtype)"
    " SELECT unnest($1::bigint[]), unnest($2::integer[]), unnest($3::text[]), unnest($4::text[]),"
    " unnest($5::text[]), unnest($6::text[])"};

/// What the nodes between two rows (with $2: a page's ends) say of their artifacts.
inline constexpr Statement kReadUses = {
    "dag_read_uses",
    "SELECT b.node_seq, b.path, b.checksum, a.size, b.framework, b.dtype"
    " FROM weir_dagmanager.used_by b JOIN weir_dagmanager.artifact a ON a.checksum = b.checksum"
    " WHERE b.node_seq BETWEEN $1 AND $2 ORDER BY b.node_seq, b.place"};

inline constexpr Statement kReadTouchedUses = {
    "dag_read_touched_uses",
    "SELECT b.node_seq, b.path, b.checksum, a.size, b.framework, b.dtype"
    " FROM weir_dagmanager.used_by b JOIN weir_dagmanager.artifact a ON a.checksum = b.checksum"
    " WHERE b.node_seq = " WEIR_DAG_TOUCHED("node_seqs") " ORDER BY b.node_seq, b.place"};

// binding_context

inline constexpr Statement kInsertContext = {
    "dag_insert_context",
    "INSERT INTO weir_dagmanager.binding_context (context_key, world_id, execution_domain, as_of,"
    " partition, dataset_fingerprint, safe_mode, downgrade, namespace, strategy_id)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"};

#define WEIR_DAG_HELD "(topic_key = ANY ($1) OR binding_hash = ANY ($2))"
#define WEIR_DAG_CONTEXT_COLUMNS                                                           \
  "SELECT context_key, world_id, execution_domain, as_of, partition, dataset_fingerprint," \
  " safe_mode, downgrade, namespace, strategy_id FROM weir_dagmanager.binding_context"

inline constexpr Statement kReadContexts = {"dag_read_contexts", WEIR_DAG_CONTEXT_COLUMNS};

/// Of the holders that kLockHolders gives.
inline constexpr Statement kReadHolderContexts = {
    "dag_read_holder_contexts", WEIR_DAG_CONTEXT_COLUMNS
    " WHERE context_key IN (SELECT context_key FROM weir_dagmanager.queue"
    " WHERE " WEIR_DAG_HELD ")"};

inline constexpr Statement kReadTouchedContexts = {
    "dag_read_touched_contexts", WEIR_DAG_CONTEXT_COLUMNS
    " WHERE context_key IN (SELECT context_key FROM weir_dagmanager.queue WHERE queue_id "
    "= " WEIR_DAG_TOUCHED("queue_ids") ")"};

// queue

#define WEIR_DAG_QUEUE_COLUMNS                                                           \
  "SELECT queue_id, topic, type, partitions, replication, retention_ms, cleanup, state," \
  " node_seq, node_id, binding_key, compute_key, context_key, schema_hash,"              \
  " pending_schema_hash, buffering_since, created_at, ttl_ms, lag_alert_seconds,"        \
  " recompute_due, completed FROM weir_dagmanager.queue"
#define WEIR_DAG_KNOWN_STATES "state IN ('intent', 'active')"

inline constexpr Statement kReadTouchedQueues = {
    "dag_read_touched_queues", WEIR_DAG_QUEUE_COLUMNS
    " WHERE queue_id = " WEIR_DAG_TOUCHED("queue_ids") " AND " WEIR_DAG_KNOWN_STATES
                                                       " ORDER BY queue_id LIMIT $2"};

inline constexpr Statement kReadQueuePage = {"dag_read_queue_page", WEIR_DAG_QUEUE_COLUMNS
                                             " WHERE queue_id > $1 ORDER BY queue_id LIMIT $2"};

/// Who holds any of these names or bindings, whatever its state, held still until the commit.
inline constexpr Statement kLockHolders = {"dag_lock_holders", WEIR_DAG_QUEUE_COLUMNS
                                           " WHERE " WEIR_DAG_HELD " ORDER BY queue_id FOR UPDATE"};

/// The commit does not wait for its own fsync; a later one's covers it.
inline constexpr Statement kCommitUnsynced = {"dag_commit_unsynced",
                                              "SET LOCAL synchronous_commit = off"};

inline constexpr Statement kInsertIntents = {
    "dag_insert_intents",
    "INSERT INTO weir_dagmanager.queue (queue_id, topic_key, binding_hash, topic, type, partitions,"
    " replication, retention_ms, cleanup, state, node_seq, node_id, binding_key, compute_key,"
    " context_key, created_at, diff_id, intent_at)"
    " SELECT nextval('weir_dagmanager.queue_seq'), unnest($1::bytea[]), unnest($2::bytea[]),"
    " unnest($3::text[]), unnest($4::text[]), unnest($5::integer[]), unnest($6::integer[]),"
    " unnest($7::bigint[]), unnest($8::text[]), 'intent', unnest($9::bigint[]),"
    " unnest($10::text[]), unnest($11::text[]), unnest($12::text[]), $13, $14, $15, $14"
    " RETURNING topic, queue_id"};

inline constexpr Statement kDrawNodeRows = {
    "dag_draw_node_rows",
    "SELECT nextval('weir_dagmanager.compute_node_seq') FROM generate_series(1, $1)"};

/// Only what is still an intent can be joined or given up.
inline constexpr Statement kJoinIntents = {
    "dag_join_intents",
    "UPDATE weir_dagmanager.queue SET diff_id = $2, intent_at = $3"
    " WHERE queue_id = ANY ($1) AND state = 'intent'"};

inline constexpr Statement kGiveUpIntents = {
    "dag_give_up_intents",
    "DELETE FROM weir_dagmanager.queue WHERE queue_id = ANY ($1) AND state = 'intent'"};

/// No indexed column changes. Only an intent becomes a queue: fewer rows than asked mean that
/// another change was first.
inline constexpr Statement kPromoteQueues = {
    "dag_promote_queues",
    "UPDATE weir_dagmanager.queue q SET state = 'active', node_id = NULL, node_seq = u.node_seq,"
    " partitions = u.partitions, replication = u.replication, retention_ms = u.retention_ms,"
    " cleanup = u.cleanup, schema_hash = u.schema_hash, ttl_ms = u.ttl_ms,"
    " lag_alert_seconds = u.lag_alert_seconds, context_key = $10, created_at = $11"
    " FROM (SELECT unnest($1::bigint[]) AS queue_id, unnest($2::bigint[]) AS node_seq,"
    " unnest($3::integer[]) AS partitions, unnest($4::integer[]) AS replication,"
    " unnest($5::bigint[]) AS retention_ms, unnest($6::text[]) AS cleanup,"
    " unnest($7::text[]) AS schema_hash, unnest($8::bigint[]) AS ttl_ms,"
    " unnest($9::bigint[]) AS lag_alert_seconds) u"
    " WHERE q.queue_id = u.queue_id AND q.state = 'intent'"};

/// The first mark of a queue stays; one that begins anew has its own order at its end.
inline constexpr Statement kMarkQueues = {
    "dag_mark_queues",
    "UPDATE weir_dagmanager.queue q SET pending_schema_hash = u.pending,"
    " recompute_due = q.recompute_due AND NOT (u.begins AND q.buffering_since IS NULL),"
    " buffering_since = coalesce(q.buffering_since, CASE WHEN u.begins THEN "
    WEIR_DAG_INSTANT("u.since") " END) FROM (SELECT unnest($1::bigint[]) AS queue_id,"
    " unnest($2::text[]) AS pending, unnest($3::boolean[]) AS begins,"
    " unnest($4::bigint[]) AS since) u WHERE q.queue_id = u.queue_id AND q.state = 'active'"};

// deploy, sentinel, sentinel_deploy, topic_log_batch

inline constexpr Statement kStoreDeploy = {
    "dag_store_deploy",
    "INSERT INTO weir_dagmanager.deploy AS d (deploy_key, strategy_id, world_id, execution_domain,"
    " as_of, partition, dataset_fingerprint, safe_mode, downgrade, version, node_set, node_seqs,"
    " names, introduced, sentinel_due, request_hash, answer_hash, first_seen, last_seen, ended_at,"
    " baseline_key, buckets)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
    " $20, $21, $22) ON CONFLICT (deploy_key) DO UPDATE SET last_seen = excluded.last_seen,"
    " (node_seqs, names, introduced, buckets) = (SELECT d.node_seqs, d.names, d.introduced,"
    " d.buckets WHERE d.node_seqs = excluded.node_seqs UNION ALL SELECT excluded.node_seqs,"
    " excluded.names, excluded.introduced, excluded.buckets LIMIT 1),"
    " ended_at = NULL, taken_back_at = NULL,"
    " baseline_key = coalesce(nullif(excluded.baseline_key, ''), d.baseline_key),"
    " sentinel_due = d.sentinel_due OR excluded.sentinel_due, seq = excluded.seq"};

/// A deploy that is known: fewer than one row mean that it no longer is.
inline constexpr Statement kTouchDeploy = {
    "dag_touch_deploy",
    "UPDATE weir_dagmanager.deploy SET last_seen = $2, ended_at = NULL, taken_back_at = NULL,"
    " baseline_key = coalesce(nullif($4, ''), baseline_key), sentinel_due = sentinel_due OR $3,"
    " seq = nextval('weir_dagmanager.deploy_order_seq')"
    " WHERE deploy_key = $1"};

inline constexpr Statement kStoreSentinel = {
    "dag_store_sentinel",
    "INSERT INTO weir_dagmanager.sentinel AS s (world_id, sentinel_id, version, commit_hash,"
    " release_tag, traffic_weight, deploy_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    " ON CONFLICT (sentinel_id, world_id, version) DO UPDATE SET seq = excluded.seq,"
    " deploy_key = excluded.deploy_key, retired_at = NULL,"
    " traffic_weight = coalesce(excluded.traffic_weight, s.traffic_weight)"};

inline constexpr Statement kAddSentinelDeploy = {
    "dag_add_sentinel_deploy",
    "INSERT INTO weir_dagmanager.sentinel_deploy (world_id, sentinel_id, version, deploy_key)"
    " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};

inline constexpr Statement kNewestSentinel = {
    "dag_newest_sentinel",
    "SELECT sentinel_id, world_id, version, commit_hash, release_tag, traffic_weight, deploy_key,"
    " created_at, live_weight, peak_weight FROM weir_dagmanager.sentinel WHERE sentinel_id = $1"
    " AND world_id = $2 ORDER BY seq DESC LIMIT 1"};

/// Entries of one moment, actor and cause.
inline constexpr Statement kInsertLog = {
    "dag_insert_log",
    "WITH numbered AS (UPDATE weir_dagmanager.graph_epoch SET log_seq = log_seq + cardinality($4)"
    " RETURNING log_seq) INSERT INTO weir_dagmanager.topic_log_batch (last_seq, first_seq, at,"
    " actor, cause, topics, actions, types, partitions, replications, retentions_ms, cleanups,"
    " node_ids, binding_keys, results) SELECT log_seq, log_seq - cardinality($4) + 1, $1, $2, $3,"
    " $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM numbered"};

// query_set, outbox

/// Each key once, with how many revisions are drawn of it.
inline constexpr Statement kRaiseRevisions = {
    "dag_raise_revisions",
    "INSERT INTO weir_dagmanager.query_set AS s (query_key, revision) SELECT unnest($1::bytea[]),"
    " unnest($2::bigint[]) ON CONFLICT (query_key) DO UPDATE SET revision = s.revision +"
    " excluded.revision"};

/// Event n gets key_seq $1 + n, n from 1, and the newest revision of its key less $11.
inline constexpr Statement kInsertQueueEvents = {
    "dag_insert_queue_events",
    "INSERT INTO weir_dagmanager.outbox (key_seq, id, kind, revision, tags, interval_seconds,"
    " match_all, world_id, execution_domain, queue_ids, created_at)"
    " SELECT $1 + u.place, u.id::uuid, 'queue_updated', s.revision - u.later, u.tags::text[],"
    " u.interval_seconds, u.match_all, u.world_id, u.execution_domain, u.queue_ids, $10 FROM"
    " (SELECT generate_subscripts($2::text[], 1) AS place, unnest($2::text[]) AS id,"
    " unnest($3::bytea[]) AS query_key, unnest($4::text[]) AS tags,"
    " unnest($5::bigint[]) AS interval_seconds, unnest($6::boolean[]) AS match_all,"
    " unnest($7::bytea[]) AS queue_ids, unnest($8::text[]) AS world_id,"
    " unnest($9::text[]) AS execution_domain, unnest($11::bigint[]) AS later) u"
    " JOIN weir_dagmanager.query_set s ON s.query_key = u.query_key"};

#undef WEIR_DAG_INSTANT
#undef WEIR_DAG_NODE_COLUMNS
#undef WEIR_DAG_TOUCHED
#undef WEIR_DAG_EACH
#undef WEIR_DAG_HELD
#undef WEIR_DAG_CONTEXT_COLUMNS
#undef WEIR_DAG_QUEUE_COLUMNS
#undef WEIR_DAG_KNOWN_STATES

}  // namespace weir::dagmanager::sql
