// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/audit_queries.h"

#include <array>

namespace weir::dispatcher {
namespace {

// Each runs as it stands and gives one number, which is 0 at any moment.
constexpr std::array kQueries = {
    AuditQuery{"I1", "a task is running if and only if it has a lease",
               R"sql(
SELECT count(*)
  FROM state.tasks t FULL JOIN state.leases l USING (task_id)
 WHERE (t.state IS NOT DISTINCT FROM 'running') <> (l.attempt IS NOT NULL)
               )sql"},
    AuditQuery{"I2", "a lease is of the current attempt, and that attempt is the only active one",
               R"sql(
SELECT count(*)
  FROM (SELECT l.task_id FROM state.leases l LEFT JOIN state.tasks t USING (task_id)
          LEFT JOIN state.attempts a ON a.task_id=l.task_id AND a.attempt=l.attempt
         WHERE l.attempt IS DISTINCT FROM t.attempt OR a.state IS DISTINCT FROM 'active'
        UNION ALL
        SELECT a.task_id FROM state.attempts a LEFT JOIN state.leases l
          ON l.task_id=a.task_id AND l.attempt=a.attempt
         WHERE a.state='active' AND l.task_id IS NULL) x
               )sql"},
    AuditQuery{"I5", "no attempt is past its task, its task's attempt or the limit",
               R"sql(
SELECT count(*)
  FROM state.attempts a LEFT JOIN state.tasks t USING (task_id)
 WHERE t.task_id IS NULL OR a.attempt > t.attempt OR a.attempt > t.max_attempts
               )sql"},
    AuditQuery{
        "I7",
        "every event past the backfill mark of an open subscription has its task or rejection",
        R"sql(
SELECT count(*)
  FROM state.events e JOIN state.subscriptions s USING (dataset_version) JOIN state.builds b
    ON b.build_id=s.consumer_build_id
 WHERE b.dispatch='open' AND s.stopped_seq IS NULL AND e.seq > s.backfill_to_seq
   AND NOT EXISTS (SELECT 1 FROM state.tasks t
                    WHERE t.build_id=s.consumer_build_id AND t.input_index=s.input_index
                      AND t.trigger_event_id=e.event_id)
   AND NOT EXISTS (SELECT 1 FROM state.task_history h
                    WHERE h.build_id=s.consumer_build_id AND h.input_index=s.input_index
                      AND h.trigger_event_id=e.event_id)
   AND NOT EXISTS (SELECT 1 FROM state.route_rejections r
                    WHERE r.consumer_build_id=s.consumer_build_id
                      AND r.input_index=s.input_index AND r.event_id=e.event_id)
               )sql"},
    AuditQuery{"I9", "event numbers of a dataset version are dense and end at its last_seq",
               R"sql(
SELECT count(*)
  FROM (SELECT dv.dataset_version FROM state.dataset_versions dv LEFT
    JOIN state.events e USING (dataset_version)
         GROUP BY dv.dataset_version, dv.last_seq
        HAVING count(e.seq)<>dv.last_seq OR coalesce(max(e.seq),0)<>dv.last_seq) x
               )sql"},
    AuditQuery{"I10", "a partition event and its partition version are there together",
               R"sql(
SELECT count(*)
  FROM (SELECT * FROM state.events WHERE kind='partition') e FULL
    JOIN state.partition_versions p USING (event_id)
 WHERE e.dataset_version IS DISTINCT FROM p.dataset_version OR e.scope_key IS DISTINCT
   FROM p.partition_key
               )sql"},
    AuditQuery{"I11", "a stopped build gets no task after its stop",
               R"sql(
SELECT count(*)
  FROM state.tasks t JOIN state.builds b USING (build_id)
 WHERE b.dispatch='stopped' AND t.kind<>'check' AND t.created_at > b.stopped_at
               )sql"},
    AuditQuery{"I12", "a stopped build is not leased after its stop",
               R"sql(
SELECT count(*)
  FROM state.attempts a JOIN state.tasks t USING (task_id) JOIN state.builds b USING (build_id)
 WHERE a.state='active' AND b.dispatch='stopped' AND t.kind NOT IN ('sink','check')
   AND a.started_at > b.stopped_at
               )sql"},
    AuditQuery{"I13", "open builds are those of the current versions of the world that owns them",
               R"sql(
SELECT count(*)
  FROM state.builds b
 WHERE (b.dispatch='open') <> EXISTS (SELECT 1 FROM state.dag_current_versions c
   JOIN state.dag_version_builds v USING (pointer_set_id)
                                       WHERE v.build_id=b.build_id AND c.world=b.world)
               )sql"},
    AuditQuery{"I16", "the names are those that current versions publish, one owner each",
               R"sql(
SELECT count(*)
  FROM state.dataset_names n
       FULL JOIN (SELECT * FROM state.dataset_current WHERE dataset_id IS NOT NULL) c
       ON c.org_id=n.org_id AND c.world=n.world AND c.dag_name=n.owner_dag_name
         AND c.dataset_id=n.dataset_id
 WHERE c.dataset_uuid IS DISTINCT FROM n.dataset_uuid
               )sql"},
    AuditQuery{"I18", "no current dataset version is building, purging or purged",
               R"sql(
SELECT count(*)
  FROM state.dataset_current c JOIN state.dataset_versions v USING (dataset_version)
 WHERE v.state<>'complete'
               )sql"},
    AuditQuery{"I21", "a committed publish has its marker beside the rows",
               R"sql(
SELECT count(*)
  FROM state.buffered_publishes p LEFT JOIN data.applied_publishes a USING (publish_id)
 WHERE p.state='committed' AND a.publish_id IS NULL
               )sql"},
    AuditQuery{"I24", "a queued task with an open gate has a wake-up out, or its queue owes one",
               R"sql(
SELECT count(*)
  FROM state.tasks t JOIN state.builds b USING (build_id)
 WHERE t.state='queued' AND t.woken_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM state.wakeup_meters m WHERE m.queue_name=t.queue AND m.owed)
   AND (t.kind IN ('sink','check') OR
        ((b.dispatch='open' OR (b.dispatch='building' AND t.class IN ('backfill','recompute')))
         AND NOT EXISTS (SELECT 1 FROM state.pauses p WHERE p.build_id=b.build_id)
         AND NOT EXISTS (SELECT 1 FROM state.tasks o
                          WHERE o.build_id=t.build_id AND o.input_index=t.input_index
                            AND o.order_seq < t.order_seq
                            AND o.state IN ('queued','running','retry_wait'))
         AND NOT EXISTS (SELECT 1 FROM state.dag_version_builds v
                           JOIN state.jobs j ON j.dag_version_id=v.dag_version_id
                             AND j.name=v.job_name
                          WHERE v.build_id=b.build_id
                            AND j.max_concurrency <= (SELECT count(*) FROM state.tasks r
                                                       WHERE r.build_id=b.build_id
                                                         AND r.state='running'))))
               )sql"},
    AuditQuery{"I25", "every delivery that may be sent is asserted by someone",
               R"sql(
SELECT count(*)
  FROM state.deliveries d
 WHERE d.state IN ('pending','sending','retry_wait','delivered')
   AND NOT EXISTS (SELECT 1 FROM state.delivery_assertions a
                    WHERE a.delivery_id=d.delivery_id)
               )sql"},
    AuditQuery{"I32", "nothing of one organisation reaches a dataset of another",
               R"sql(
SELECT (SELECT count(*) FROM state.tasks t JOIN state.builds b USING (build_id)
  WHERE t.org_id<>b.org_id)
     + (SELECT count(*) FROM state.subscriptions s JOIN state.builds b
       ON b.build_id=s.consumer_build_id
          JOIN state.dataset_versions v USING (dataset_version)
            JOIN state.datasets d USING (dataset_uuid)
         WHERE d.org_id<>b.org_id)
     + (SELECT count(*) FROM state.dataset_names n
       JOIN state.datasets d USING (dataset_uuid) WHERE d.org_id<>n.org_id)
               )sql"},
    AuditQuery{"I42", "the meters count the wake-ups that are out",
               R"sql(
SELECT count(*)
  FROM (SELECT queue_name AS queue, sum(outstanding) AS n FROM state.wakeup_meters GROUP BY 1) m
       FULL JOIN (SELECT queue, count(*) AS n FROM state.tasks WHERE woken_at IS NOT NULL
         GROUP BY 1) t USING (queue)
 WHERE coalesce(m.n,0) <> coalesce(t.n,0)
               )sql"},
    AuditQuery{"I43", "the counters count the tasks",
               R"sql(
SELECT count(*)
  FROM (SELECT build_id, queue, sum(queued) AS q, sum(running) AS r, sum(retry_wait) AS w
          FROM state.task_counts GROUP BY 1, 2) c
       FULL JOIN (SELECT build_id, queue, count(*) FILTER (WHERE state='queued') AS q,
                         count(*) FILTER (WHERE state='running') AS r,
                           count(*) FILTER (WHERE state='retry_wait') AS w
                    FROM state.tasks WHERE state IN ('queued','running','retry_wait')
                      GROUP BY 1, 2) t USING (build_id, queue)
 WHERE (coalesce(c.q,0), coalesce(c.r,0), coalesce(c.w,0)) <> (coalesce(t.q,0),
   coalesce(t.r,0), coalesce(t.w,0))
               )sql"},
    AuditQuery{"I44", "a task is in tasks or in history, and one there is for each event",
               R"sql(
SELECT (SELECT count(*) FROM state.tasks JOIN state.task_history h USING (task_id))
     + (SELECT count(*) FROM state.tasks t JOIN state.task_history h USING (build_id,
       input_index, trigger_event_id)
         WHERE t.invalidation_id IS NULL AND h.invalidation_id IS NULL AND t.task_id<>h.task_id)
               )sql"},
    AuditQuery{"I45", "another world than live fires no side effect and owns its sources",
               R"sql(
SELECT (SELECT count(*) FROM state.source_state s JOIN state.builds b USING (build_id)
  WHERE s.world<>b.world)
     + (SELECT count(*) FROM state.delivery_assertions a JOIN state.builds b USING (build_id)
         WHERE b.world<>'live' AND a.effects='fire')
               )sql"},
    AuditQuery{"I46", "a version with a live pin is not purged",
               R"sql(
SELECT count(*)
  FROM state.query_pins p JOIN state.dataset_versions v USING (dataset_version)
 WHERE p.expires_at > clock_timestamp() AND v.state='purged'
               )sql"},
    AuditQuery{"I47", "no deploy is ready or active past a blocking check",
               R"sql(
SELECT count(*)
  FROM state.deploys d JOIN state.deploy_checks k USING (deploy_id)
 WHERE d.state IN ('ready','active')
   AND (k.state IN ('pending','running') OR (k.on_fail='block' AND k.state IN ('failed','error')))
               )sql"},
    AuditQuery{"I48", "a publish and its task say the same",
               R"sql(
SELECT count(*)
  FROM state.buffered_publishes p LEFT JOIN state.tasks t ON t.task_id=p.publish_id
       LEFT JOIN state.task_history h ON h.task_id=p.publish_id
 WHERE p.state IS DISTINCT FROM (CASE coalesce(t.state, h.state)
   WHEN 'completed' THEN 'committed' WHEN 'failed' THEN 'dead'
                                 WHEN 'canceled' THEN NULL ELSE 'accepted' END)
    OR coalesce(t.kind, h.kind) IS DISTINCT FROM 'sink'
               )sql"},
    AuditQuery{"I49", "event numbers of an organisation do not pass its last one",
               R"sql(
SELECT count(*)
  FROM state.control_events c LEFT JOIN state.control_event_heads h USING (org_id)
 WHERE h.last_no IS NULL OR c.event_no > h.last_no
               )sql"},
};

}  // namespace

std::span<const AuditQuery> audit_queries() { return kQueries; }

}  // namespace weir::dispatcher
