// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher/seed.h"

#include <array>

namespace weir::test {
namespace {

constexpr std::string_view kRegistry = R"sql(
INSERT INTO state.orgs (org_id, slug, name) VALUES ({01}, 'org-@', 'Org @');
INSERT INTO state.users (user_id, org_id, issuer, subject, role)
  VALUES ({02}, {01}, 'issuer', 'user-@', 'admin');
INSERT INTO state.org_roles (role_id, org_id, slug, name) VALUES ({03}, {01}, 'desk', 'Desk');
INSERT INTO state.org_role_memberships VALUES ({03}, {02});
INSERT INTO state.worker_tokens (token_id, name, sha256, expires_at)
  VALUES ({04}, 'worker', sha256('@'), now() + interval '1 day');
INSERT INTO state.signing_keys (kid, alg, state, not_before, expires_at)
  VALUES ('key-@', 'ES256', 'next', now(), now() + interval '12 hours');
INSERT INTO state.bundles (bundle_id, org_id, language, sha256, size_bytes, object_uri, state)
  VALUES ('bundle-@', {01}, 'python', sha256('@'), 1, 'bundles/@.zip', 'ready');
INSERT INTO state.dag_versions (dag_version_id, org_id, dag_name, version_no, yaml_hash,
                                registry_hash, yaml_text, canonical)
  VALUES ({10}, {01}, 'trades', 1, 'blake3:' || repeat('0', 64), 'blake3:' || repeat('1', 64),
          'name: trades', '{}');
INSERT INTO state.jobs (dag_version_id, name, activation, runtime, operator, operator_version,
                        outputs, source, heartbeat_timeout_seconds, max_attempts, priority,
                        max_queue_depth, max_queue_age_ms, backpressure_mode, core_id, node_id)
  VALUES ({10}, 'ticks', 'source', 'dispatcher', 'trigger_manual', '1', 1, '{"kind": "manual"}',
          60, 3, 'normal', 1000, 60000, 'pause', 'core-1', 'node-1'),
         ({10}, 'bars', 'reactive', 'dispatcher', 'noop', '1', 1, NULL,
          60, 3, 'normal', 1000, 60000, 'pause', 'core-2', 'node-2');
INSERT INTO state.edges (dag_version_id, consumer_job, input_index, from_job, from_output)
  VALUES ({10}, 'bars', 0, 'ticks', 0);
INSERT INTO state.builds (build_id, org_id, dag_name, job_name, core_id, node_id, generation,
                          definition, dispatch, created_at, opened_at, stopped_at)
  VALUES ({20}, {01}, 'trades', 'ticks', 'core-1', 'node-1', 1, '{}', 'open', now(), now(), NULL),
         ({21}, {01}, 'trades', 'bars', 'core-2', 'node-2', 2, '{}', 'open', now(), now(), NULL),
         ({22}, {01}, 'trades', 'bars', 'core-2', 'node-2', 1, '{}', 'stopped',
          now() - interval '2 hours', now() - interval '2 hours', now() - interval '1 hour');
INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no) VALUES ({30}, {10}, 1);
INSERT INTO state.dag_version_builds VALUES ({30}, {10}, 'ticks', {20}), ({30}, {10}, 'bars', {21});
INSERT INTO state.datasets (dataset_uuid, org_id, dag_name, job_name, output_index)
  VALUES ({40}, {01}, 'trades', 'ticks', 0), ({41}, {01}, 'trades', 'bars', 0);
INSERT INTO state.dataset_versions (dataset_version, dataset_uuid, build_id, kind, last_seq, state)
  VALUES ({50}, {40}, {20}, 'events', 6, 'complete'), ({51}, {41}, {21}, 'parquet', 1, 'complete'),
         ({52}, {41}, {22}, 'parquet', 0, 'complete');
INSERT INTO state.dag_version_datasets
  VALUES ({30}, {40}, {50}, NULL), ({30}, {41}, {51}, '@/bars');
INSERT INTO state.deploys (deploy_id, org_id, dag_name, kind, to_pointer_set_id, state, activate,
                           plan, generation_after)
  VALUES ({60}, {01}, 'trades', 'deploy', {30}, 'active', 'auto', '{}', 1);
INSERT INTO state.dag_current_versions (org_id, dag_name, dag_version_id, pointer_set_id,
                                        generation, deploy_id)
  VALUES ({01}, 'trades', {10}, {30}, 1, {60});
UPDATE state.pointer_sets SET first_current_at = now(), last_current_at = now()
 WHERE pointer_set_id = {30};
INSERT INTO state.dataset_names (dataset_id, org_id, owner_dag_name, dataset_uuid)
  VALUES ('@/bars', {01}, 'trades', {41});
INSERT INTO state.deploy_checks (deploy_id, dataset_id, name, kind, on_fail, spec,
                                 candidate_version, state, finished_at)
  VALUES ({60}, '@/bars', 'rows', 'row_count', 'block', '{}', {51}, 'passed', now());
INSERT INTO state.effect_handoffs VALUES ({60}, {71});
)sql";

constexpr std::string_view kTasks = R"sql(
INSERT INTO state.events (event_id, org_id, dataset_uuid, dataset_version, seq, producer_task_id,
                          producer_attempt, kind, scope_key, cursor_int, class, root_event_id)
  VALUES ({71}, {01}, {40}, {50}, 1, {80}, 1, 'cursor', '1', 1, 'live', {71}),
         ({72}, {01}, {40}, {50}, 2, {80}, 1, 'cursor', '2', 2, 'live', {72}),
         ({73}, {01}, {40}, {50}, 3, {80}, 1, 'cursor', '3', 3, 'live', {73}),
         ({74}, {01}, {40}, {50}, 4, {80}, 1, 'cursor', '4', 4, 'live', {74}),
         ({75}, {01}, {40}, {50}, 5, {80}, 1, 'cursor', '5', 5, 'live', {75}),
         ({76}, {01}, {40}, {50}, 6, {80}, 1, 'cursor', '6', 6, 'live', {76}),
         ({79}, {01}, {41}, {51}, 1, {85}, 1, 'partition', '1-5', NULL, 'live', {75});
INSERT INTO state.subscriptions (consumer_build_id, input_index, dataset_version)
  VALUES ({21}, 0, {50}), ({22}, 0, {50});
INSERT INTO state.route_rejections VALUES ({22}, 0, {71}, 'cursor_on_partition_input');
INSERT INTO state.tasks (task_id, org_id, build_id, dag_version_id, kind, queue, state, class,
                         max_attempts, priority, trigger_event_id, input_index, order_seq,
                         next_retry_at, finished_at, woken_at)
  VALUES ({80}, {01}, {20}, {10}, 'source_run', 'tasks.dispatcher.normal', 'completed', 'live',
          3, 1, NULL, NULL, NULL, NULL, now(), NULL),
         ({81}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'queued', 'live',
          3, 1, {71}, 0, NULL, NULL, NULL, now()),
         ({82}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'running', 'live',
          3, 1, {72}, 0, NULL, NULL, NULL, NULL),
         ({83}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'retry_wait', 'live',
          3, 1, {73}, 0, NULL, now(), NULL, NULL),
         ({84}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'failed', 'live',
          1, 1, {74}, 0, NULL, NULL, now(), NULL),
         ({85}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'completed', 'live',
          3, 1, {75}, 0, NULL, NULL, now(), NULL),
         ({87}, {01}, {21}, {10}, 'sink', 'tasks.sink.normal', 'completed', 'live',
          10, 1, NULL, NULL, NULL, NULL, now(), NULL),
         ({88}, {01}, {21}, {10}, 'sink', 'tasks.sink.normal', 'queued', 'live',
          10, 1, NULL, NULL, NULL, NULL, NULL, now());
INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, state, outcome, ended_at)
  VALUES ({82}, 1, {a2}, 'w1', 'active', NULL, NULL),
         ({83}, 1, {a3}, 'w1', 'closed', 'retryable_error', now()),
         ({84}, 1, {a4}, 'w1', 'closed', 'fatal_error', now()),
         ({85}, 1, {a5}, 'w1', 'closed', 'success', now());
INSERT INTO state.leases (task_id, attempt, worker_id, expires_at)
  VALUES ({82}, 1, 'w1', now() + interval '1 minute');
INSERT INTO state.task_history (task_id, org_id, build_id, dag_version_id, kind, queue, state,
                                class, attempt, max_attempts, priority, trigger_event_id,
                                input_index, scope, attempts, created_at, finished_at)
  VALUES ({86}, {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', 'completed', 'live',
          1, 3, 1, {76}, 0, '{}', '[]', now(), now());
INSERT INTO state.task_counts (build_id, queue, slot, queued, running, retry_wait)
  VALUES ({21}, 'tasks.dispatcher.normal', 0, 2, 1, 1),
         ({21}, 'tasks.dispatcher.normal', 7, -1, 0, 0), ({21}, 'tasks.sink.normal', 3, 1, 0, 0);
INSERT INTO state.wakeup_meters (queue_name, slot, outstanding)
  VALUES ('tasks.dispatcher.normal', ~, 1), ('tasks.sink.normal', ~, 1);
INSERT INTO state.buffered_publishes (publish_id, org_id, dataset_uuid, dataset_version, task_id,
                                      attempt, batch_uri, content_type, size_bytes, dedupe_scope,
                                      state)
  VALUES ({87}, {01}, {41}, {51}, {85}, 1, 'one', 'application/jsonl', 1, '1-5', 'committed'),
         ({88}, {01}, {41}, {51}, {85}, 1, 'two', 'application/jsonl', 1, '1-5', 'accepted');
INSERT INTO data.applied_publishes VALUES ({87}, {51}, 1, 1);
INSERT INTO data.applied_scopes VALUES ({51}, '1-5', 1, {85}, 1);
INSERT INTO data.query_audit (query_id, org_id, user_id, sql_sha256, pinned)
  VALUES ({b0}, {01}, {02}, sha256('x'), '[]');
)sql";

constexpr std::string_view kBeside = R"sql(
INSERT INTO state.dataset_cursors (build_id, input_index, dataset_version, cursor_int)
  VALUES ({21}, 0, {50}, 5);
INSERT INTO state.partition_versions (dataset_version, partition_key, revision, event_id,
                                      producer_task_id, producer_attempt)
  VALUES ({51}, '1-5', 1, {79}, {85}, 1);
INSERT INTO state.invalidations (invalidation_id, dataset_version, scope, reason, dedupe_key)
  VALUES ({90}, {51}, 'full', 'manual', 'once');
INSERT INTO state.invalidation_targets VALUES ({90}, {22}, 0, 0, now());
INSERT INTO state.operator_state (build_id) VALUES ({21});
INSERT INTO state.batch_manifests VALUES ({21}, {50}, 0, '{}', sha256('x'), {79});
INSERT INTO state.outbox (outbox_id, kind, topic, payload)
  VALUES ({91}, 'task_wakeup', 'tasks.dispatcher.normal', '{}');
INSERT INTO state.control_event_heads VALUES ({01}, 1);
INSERT INTO state.control_events (org_id, event_no, type, envelope)
  VALUES ({01}, 1, 'dag_cutover', '{}');
INSERT INTO state.queue_messages (queue_name, payload) VALUES ('tasks.dispatcher.normal', '{}');
INSERT INTO state.queue_dead (message_id, queue_name, payload, deliveries, created_at)
  VALUES (1000 + ~, 'tasks.dispatcher.normal', '{}', 20, now());
INSERT INTO state.source_state (build_id, kind) VALUES ({20}, 'manual');
INSERT INTO state.bootstrap_runs VALUES ({10}, 'ticks', 'reset_outputs');
INSERT INTO state.pressure (build_id) VALUES ({21});
INSERT INTO state.pauses VALUES ({22}, 'user', 'admin');
INSERT INTO state.deliveries (delivery_id, org_id, effect_key, channel, destination_ref, payload,
                              event_time, state)
  VALUES ({95}, {01}, 'effect', 'email', 'desk', '{}', now(), 'delivered');
INSERT INTO state.delivery_assertions VALUES ({95}, {21}, {85}, 'fire');
INSERT INTO state.query_pins (query_id, dataset_version, org_id, principal, expires_at)
  VALUES ({96}, {51}, {01}, 'user', now() + interval '1 hour'),
         ({97}, {51}, {01}, 'user', now() - interval '1 hour');
INSERT INTO state.audit_log (org_id, actor_kind, actor, action, target, decision)
  VALUES ({01}, 'user', '@', 'deploy', 'trades', 'allow');
INSERT INTO state.idempotency_keys
  VALUES ({01}, 'key', '/v1/dags', sha256('x'), 200, '{}', now() + interval '1 day');
)sql";

constexpr std::array kViolations = {
    Violation{"I1", "DELETE FROM state.leases WHERE task_id = {82}"},
    Violation{"I1", "UPDATE state.tasks SET state = 'queued' WHERE task_id = {82}"},
    Violation{"I2",
              "UPDATE state.attempts SET state = 'expired', ended_at = now()"
              " WHERE task_id = {82}"},
    Violation{"I2",
              "UPDATE state.attempts SET state = 'active', ended_at = NULL"
              " WHERE task_id = {83}"},
    Violation{"I2", "UPDATE state.tasks SET attempt = 2 WHERE task_id = {82}"},
    Violation{"I5", "UPDATE state.attempts SET attempt = 2 WHERE task_id = {83}"},
    Violation{"I5", "UPDATE state.attempts SET task_id = {ff} WHERE task_id = {83}"},
    Violation{"I5",
              "UPDATE state.tasks SET max_attempts = 1, attempt = 2 WHERE task_id = {83};"
              "UPDATE state.attempts SET attempt = 2 WHERE task_id = {83}"},
    Violation{"I7", "DELETE FROM state.tasks WHERE task_id = {84}"},
    Violation{"I7", "DELETE FROM state.task_history WHERE task_id = {86}"},
    Violation{"I9", "UPDATE state.dataset_versions SET last_seq = 7 WHERE dataset_version = {50}"},
    Violation{"I9", "DELETE FROM state.events WHERE event_id = {73}"},
    Violation{"I10", "DELETE FROM state.partition_versions WHERE dataset_version = {51}"},
    Violation{"I10", "UPDATE state.events SET kind = 'cursor' WHERE event_id = {79}"},
    Violation{"I10", "UPDATE state.events SET scope_key = '6-9' WHERE event_id = {79}"},
    Violation{"I11", "UPDATE state.tasks SET build_id = {22} WHERE task_id = {81}"},
    Violation{"I12", "UPDATE state.tasks SET build_id = {22} WHERE task_id = {82}"},
    Violation{"I13",
              "UPDATE state.builds SET dispatch = 'open', stopped_at = NULL"
              " WHERE build_id = {22}"},
    Violation{"I13", "UPDATE state.builds SET dispatch = 'building' WHERE build_id = {21}"},
    Violation{"I16", "DELETE FROM state.dataset_names WHERE dataset_uuid = {41}"},
    Violation{"I16",
              "UPDATE state.dag_version_datasets SET dataset_id = NULL"
              " WHERE dataset_uuid = {41}"},
    Violation{"I16",
              "UPDATE state.dataset_names SET dataset_uuid = {40}"
              " WHERE dataset_uuid = {41}"},
    Violation{"I18",
              "UPDATE state.dataset_versions SET state = 'purging'"
              " WHERE dataset_version = {51}"},
    Violation{"I21", "DELETE FROM data.applied_publishes WHERE publish_id = {87}"},
    Violation{"I24", "UPDATE state.tasks SET woken_at = NULL WHERE task_id = {81}"},
    Violation{"I24", "UPDATE state.tasks SET woken_at = NULL WHERE task_id = {88}"},
    Violation{"I25", "DELETE FROM state.delivery_assertions WHERE delivery_id = {95}"},
    Violation{"I32", "UPDATE state.tasks SET org_id = {other} WHERE task_id = {81}"},
    Violation{"I32",
              "UPDATE state.datasets SET org_id = {other}, dag_name = 'moved'"
              " WHERE dataset_uuid = {40}"},
    Violation{"I32",
              "UPDATE state.datasets SET org_id = {other}, dag_name = 'moved'"
              " WHERE dataset_uuid = {41}"},
    Violation{"I42", "UPDATE state.wakeup_meters SET outstanding = 2 WHERE slot = ~"},
    Violation{"I42", "DELETE FROM state.wakeup_meters WHERE queue_name = 'tasks.sink.normal'"},
    Violation{"I43", "UPDATE state.task_counts SET running = running + 1 WHERE slot = 7"},
    Violation{"I43", "DELETE FROM state.task_counts WHERE build_id = {21}"},
    Violation{"I44", "UPDATE state.task_history SET task_id = {85} WHERE task_id = {86}"},
    Violation{"I44", "UPDATE state.task_history SET trigger_event_id = {75} WHERE task_id = {86}"},
    Violation{"I45", "UPDATE state.source_state SET world = 'trial' WHERE build_id = {20}"},
    Violation{"I45", "UPDATE state.builds SET world = 'trial' WHERE build_id = {21}"},
    Violation{"I46",
              "UPDATE state.dataset_versions SET state = 'purged'"
              " WHERE dataset_version = {51}"},
    Violation{"I47", "UPDATE state.deploy_checks SET state = 'failed' WHERE deploy_id = {60}"},
    Violation{"I47",
              "UPDATE state.deploy_checks SET state = 'running', on_fail = 'warn',"
              " finished_at = NULL WHERE deploy_id = {60}"},
    Violation{"I48", "UPDATE state.buffered_publishes SET state = 'dead' WHERE publish_id = {87}"},
    Violation{"I48", "UPDATE state.tasks SET kind = 'check' WHERE task_id = {88}"},
    Violation{"I49", "UPDATE state.control_event_heads SET last_no = 0 WHERE org_id = {01}"},
    Violation{"I49", "DELETE FROM state.control_event_heads WHERE org_id = {01}"},
};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string id_of(Org org, std::string_view digits) {
  return std::string(1, static_cast<char>(org)) + "0000000-0000-4000-8000-0000000000" +
         std::string(digits);
}

}  // namespace

std::string org_id(Org org) { return id_of(org, "01"); }

std::string seeded(Org org, std::string_view sql) {
  constexpr std::string_view kOther = "{other}";
  const Org other = org == Org::A ? Org::B : Org::A;
  std::string out;
  while (!sql.empty()) {
    std::size_t used = 1;
    if (sql.size() > 3 && sql[0] == '{' && is_hex(sql[1]) && is_hex(sql[2]) && sql[3] == '}') {
      out += "'" + id_of(org, sql.substr(1, 2)) + "'";
      used = 4;
    } else if (sql.starts_with(kOther)) {
      out += "'" + org_id(other) + "'";
      used = kOther.size();
    } else if (sql[0] == '@') {
      out += static_cast<char>(org);
    } else if (sql[0] == '~') {
      out += org == Org::A ? '0' : '1';
    } else {
      out += sql[0];
    }
    sql.remove_prefix(used);
  }
  return out;
}

std::string healthy(Org org) {
  return seeded(org, kRegistry) + seeded(org, kTasks) + seeded(org, kBeside);
}

std::span<const Violation> violations() { return kViolations; }

}  // namespace weir::test
