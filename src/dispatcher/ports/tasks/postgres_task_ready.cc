// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_ready.h"

#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>

#include "base/assert.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

// What a queued task `t` of a build `o` must be besides; `unrung`: a parameter, whether it may have
// no wake-up.
#define WEIR_READY(unrung)                                                                 \
  "(o.open OR o.ungated OR t.class IN ('backfill', 'recompute')) AND t.task_id"            \
  " <> ALL ((SELECT current_setting('weir.tasks')::uuid[])::uuid[]) AND t.available_at <=" \
  " (SELECT clock_timestamp()) AND (NOT " unrung "::bool OR t.woken_at IS NULL)"

// The array, kept under a name that ends so beside the window's own.
#define WEIR_KEEP(ending, array) \
  "set_config($6::text || '" ending "', coalesce(" array ", '{}')::text, true)"
#define WEIR_KEPT(ending, type) "current_setting($1::text || '" ending "')::" type "[]"

// $1 queues, $2 limit, $3 operator names, $4 operators as name@version (both NULL: any), $5 only
// those without a wake-up, $6 the beginning of the names of the settings that keep the window: with
// `_ordered`, those of it whose operator is ordered; with `_builds`, `_queues`, `_sizes`,
// `_ranks` and `_ids`, how many of the others are of each build and queue, and from which place on;
// $7 to $10 builds, queues and the ranks and ids at which to begin there, each build and queue
// once: grouped with the counters, for a join of the two would look at all pairs. A build that has
// a limit offers as many as it may still run to who claims; to who rings, all as long as it may run
// another, for each of them is claimable and must have a wake-up or be owed one (I24). Of a build
// whose operator is ordered: the first unfinished task of each input, and what has no place in an
// order among its first ones.
// clang-format off: one line of SQL a line.
#define WEIR_OFFERING                                                                              \
  "WITH waiting AS MATERIALIZED (SELECT c.build_id, c.queue, max(c.rank) AS rank,"                 \
  " (array_agg(c.id) FILTER (WHERE c.id IS NOT NULL))[1] AS id FROM (SELECT n.build_id, n.queue,"  \
  " n.queued, NULL::timestamptz AS rank, NULL::uuid AS id FROM state.task_counts n"                \
  " WHERE n.queue = ANY($1::text[]) UNION ALL SELECT m.build_id, m.queue, 0, m.rank, m.id FROM"    \
  " unnest($7::uuid[], $8::text[], $9::timestamptz[], $10::uuid[]) AS m (build_id, queue, rank,"   \
  " id)) AS c GROUP BY c.build_id, c.queue HAVING sum(c.queued) > 0),"                             \
  " offering AS MATERIALIZED (SELECT w.build_id, w.queue, b.dispatch = 'open' AS open, g.ungated," \
  " coalesce(b.definition->>'ordered' = 'true', false) AS ordered,"                                \
  " CASE WHEN f.free IS NULL THEN $2::bigint WHEN f.free <= 0 THEN 0"                              \
  " WHEN $5::bool THEN $2::bigint ELSE least(f.free, $2::bigint) END AS room,"                     \
  " coalesce(w.rank, '-infinity') AS since,"                                                       \
  " coalesce(w.id, '00000000-0000-0000-0000-000000000000') AS since_id"                            \
  " FROM waiting w JOIN state.builds b ON b.build_id = w.build_id"                                 \
  " CROSS JOIN LATERAL (SELECT w.queue LIKE 'tasks.sink.%' OR w.queue LIKE 'tasks.query.%'"        \
  " AS ungated) AS g"                                                                              \
  " CROSS JOIN LATERAL (SELECT CASE WHEN NOT g.ungated THEN min(j.max_concurrency) END AS most,"   \
  " $3::text[] IS NULL OR bool_or(j.operator = ANY($3::text[])"                                    \
  " OR j.operator || '@' || j.operator_version = ANY($4::text[])) AS wanted"                       \
  " FROM state.dag_version_builds v JOIN state.jobs j ON j.dag_version_id = v.dag_version_id"      \
  " AND j.name = v.job_name WHERE v.build_id = w.build_id) AS j"                                   \
  " CROSS JOIN LATERAL (SELECT j.most - CASE WHEN j.most IS NOT NULL THEN"                         \
  " (SELECT coalesce(sum(n.running), 0)::bigint FROM state.task_counts n"                          \
  " WHERE n.build_id = w.build_id) END AS free) AS f"                                              \
  " WHERE j.wanted AND (g.ungated OR (b.dispatch <> 'stopped'"                                     \
  " AND NOT EXISTS (SELECT FROM state.pauses p WHERE p.build_id = b.build_id)))),"
// clang-format on
// Keeps the groups: how many tasks of which build and queue, from which place on.
#define WEIR_KEEP_GROUPS \
  "SELECT string_agg(build_id || ' ' || queue || ' ' ||"                                      \
  " (extract(epoch FROM first) * 1000000)::bigint, ' ') FILTER (WHERE whole) AS marks,"       \
  " " WEIR_APPEND("weir.window_builds", "uuid", "array_agg(build_id)") " || " WEIR_KEEP(      \
      "_builds", "array_agg(build_id) FILTER (WHERE NOT ordered)") " || " WEIR_KEEP(          \
      "_queues", "array_agg(queue) FILTER (WHERE NOT ordered)") " || " WEIR_KEEP(             \
      "_sizes", "array_agg(size) FILTER (WHERE NOT ordered)") " || " WEIR_KEEP(               \
      "_ranks", "array_agg(first) FILTER (WHERE NOT ordered)") " || " WEIR_KEEP(              \
      "_ids", "array_agg(first_id) FILTER (WHERE NOT ordered)") " AS kept FROM groups"

// The first tasks of the build and queue of `o` whose operator has no order, as many as `most`.
#define WEIR_FIRST_READY(until, most)                                                         \
  "(SELECT t.task_id, t.rank_at FROM state.tasks t WHERE NOT o.ordered AND t.queue = o.queue" \
  " AND t.build_id = o.build_id AND t.state = 'queued'"                                       \
  " AND (t.rank_at, t.task_id) >= (o.since, o.since_id)" until                                \
  " AND " WEIR_READY("$5") " ORDER BY t.rank_at, t.task_id LIMIT " most ")"

// Where many offer, a few of each tell up to which place the window goes, so that no build is read
// further than that: those few are offered too, so the last place of a window of them alone is no
// earlier than that of the window. Too few of them tell nothing.
constexpr Statement kFindWindow = {
    "task_find_window",
    WEIR_OFFERING
    " few AS MATERIALIZED (SELECT s.rank_at, s.task_id FROM (SELECT o.*, least(o.room,"
    " 2 * $2::bigint / count(*) OVER () + 1) AS share, count(*) OVER () AS builds FROM offering o)"
    " AS o CROSS JOIN LATERAL " WEIR_FIRST_READY("", "o.share") " AS s WHERE o.builds > 1),"
    " reach AS MATERIALIZED (SELECT * FROM ((SELECT rank_at, task_id FROM few"
    " ORDER BY rank_at, task_id OFFSET greatest($2::bigint - 1, 0) LIMIT 1) UNION ALL"
    " SELECT 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff') AS r"
    " ORDER BY rank_at, task_id LIMIT 1),"
    " found AS (SELECT f.task_id, f.rank_at, o.build_id, o.queue,"
    " o.open AND NOT o.ordered AND NOT $5::bool AS whole, o.ordered"
    " FROM (SELECT o.*, r.rank_at AS until, r.task_id AS until_id FROM offering o, reach r) AS o"
    " CROSS JOIN LATERAL (SELECT * FROM (" WEIR_FIRST_READY(
        " AND (t.rank_at, t.task_id) <= (o.until, o.until_id)", "o.room")
    " UNION ALL "
    "(SELECT t.task_id, t.rank_at FROM (SELECT DISTINCT s.input_index FROM state.subscriptions s"
    " WHERE o.ordered AND s.consumer_build_id = o.build_id) AS i CROSS JOIN LATERAL"
    " (SELECT * FROM state.tasks h WHERE h.build_id = o.build_id AND h.input_index = i.input_index"
    " AND h.order_seq IS NOT NULL AND h.state " WEIR_UNFINISHED
    " ORDER BY h.order_seq, h.task_id LIMIT 1) AS t"
    " WHERE t.state = 'queued' AND t.queue = o.queue AND " WEIR_READY("$5") ")"
    " UNION ALL "
    "(SELECT t.task_id, t.rank_at FROM (SELECT * FROM state.tasks h WHERE o.ordered"
    " AND h.queue = o.queue AND h.build_id = o.build_id AND h.state = 'queued'"
    " ORDER BY h.rank_at, h.task_id LIMIT $2::bigint) AS t"
    " WHERE t.order_seq IS NULL AND " WEIR_READY("$5") ")"
    ") AS u ORDER BY rank_at, task_id LIMIT o.room) AS f"
    " ORDER BY f.rank_at, f.task_id LIMIT $2::bigint)"
    ", groups AS MATERIALIZED (SELECT build_id, queue, whole, ordered, count(*) AS size,"
    " min(rank_at) AS first, (array_agg(task_id ORDER BY rank_at, task_id))[1] AS first_id"
    " FROM found GROUP BY build_id, queue, whole, ordered)"
    " SELECT f.tasks, f.kept, g.marks, g.kept FROM"
    " (SELECT coalesce(array_agg(task_id), '{}')::text AS tasks, " WEIR_KEEP(
        "_ordered",
        "array_agg(task_id) FILTER (WHERE ordered)") " AS kept FROM found) AS f,"
    " (" WEIR_KEEP_GROUPS ") AS g"};

// The same of the one build that offers, if it has as many to give as are wanted and there is a
// mark to begin at: without looking which they are. Else it keeps nothing.
constexpr Statement kFindAlone = {
    "task_find_alone", WEIR_OFFERING
    " groups AS MATERIALIZED (SELECT build_id, queue, true AS whole,"
    " false AS ordered, room AS size, since AS first, since_id AS first_id FROM offering"
    " WHERE open AND NOT ordered AND room = $2::bigint AND since > '-infinity'"
    " AND (SELECT count(*) FROM offering) = 1)"
    " SELECT '{}', " WEIR_KEEP(
        "_ordered", "'{}'::uuid[]") ", g.marks, g.kept FROM (" WEIR_KEEP_GROUPS ") AS g"};

constexpr Statement kLockWindowSwitches = {
    "task_lock_window_switches",
    WEIR_LOCK_SWITCHES_OF("(SELECT build_id FROM state.tasks WHERE task_id = " WEIR_NAMED_TASKS
                          " UNION SELECT unnest(current_setting('weir.window_builds')::uuid[]))"
                          " AS t JOIN state.builds b USING (build_id)")};

// $1 the beginning of the names of the window's settings, $2 only those without a wake-up, $3
// whether their triggers are told too. As many of each build as the window has, the first ones that
// nobody has locked, from the window's first on: before it the index holds none but what is gone.
// Then the window's own tasks of ordered builds: there is no other to take instead. coalesce keeps
// these a look-up by key: the index of what is ready would be read whole.
constexpr Statement kPick = {
    "task_pick",
    WEIR_NOTING(
        "(SELECT p.* FROM (SELECT w.build_id, w.queue, w.size, w.rank, w.id,"
        " b.dispatch = 'open' AS open,"
        " w.queue LIKE 'tasks.sink.%' OR w.queue LIKE 'tasks.query.%' AS ungated FROM"
        " unnest(" WEIR_KEPT("_builds", "uuid") ", " WEIR_KEPT("_queues", "text") ", " WEIR_KEPT(
            "_sizes", "bigint") ", " WEIR_KEPT("_ranks", "timestamptz") ", " WEIR_KEPT(
            "_ids", "uuid") ") AS w (build_id, queue, size, rank, id)"
        " JOIN state.builds b ON b.build_id = w.build_id) AS o"
        " CROSS JOIN LATERAL (SELECT * FROM state.tasks t WHERE t.queue = o.queue"
        " AND t.build_id = o.build_id AND t.state = 'queued'"
        " AND (t.rank_at, t.task_id) >= (o.rank, o.id)"
        " AND " WEIR_READY("$2") " ORDER BY t.rank_at, t.task_id LIMIT o.size"
        " FOR UPDATE SKIP LOCKED) AS p) UNION ALL (SELECT * FROM (SELECT * FROM state.tasks t"
        " WHERE coalesce(t.state, '') = 'queued' AND t.task_id = ANY(" WEIR_KEPT("_ordered", "uuid")
        ") AND t.task_id <> ALL ((SELECT current_setting('weir.tasks')::uuid[])::uuid[])"
        " AND (NOT $2::bool OR t.woken_at IS NULL) FOR UPDATE SKIP LOCKED) AS q)")
    ", picked AS MATERIALIZED (SELECT " WEIR_APPEND("weir.tasks", "uuid", "array_agg(task_id)")
    " FROM found) SELECT " WEIR_TASK_COLUMNS ", " WEIR_HANDED_OVER ", " WEIR_EVENT_COLUMNS
    " FROM picked, " WEIR_NOTED " LEFT JOIN LATERAL (SELECT * FROM state.events f"
    " WHERE $3::bool AND f.event_id = t.trigger_event_id OFFSET 0) AS e ON true"};

// Around a statement that takes the first tasks of builds. Its plan is made once a session, often
// when the tables are new and no statistics tell that a build has many tasks: reading all of them
// and sorting them would then seem as cheap as reading the first ones from the index of the ready.
// Not for other statements: those that look up named rows in an order would read whole indexes.
constexpr Statement kNoSort = {"task_no_sort", "SELECT set_config('enable_sort', 'off', true)"};
constexpr Statement kSort = {"task_sort", "SELECT set_config('enable_sort', 'on', true)"};

std::size_t add_in_index_order(Pipeline& pipeline, const Statement& statement, Params params) {
  pipeline.add(kNoSort);
  const std::size_t at = pipeline.add(statement, std::move(params));
  pipeline.add(kSort);
  return at;
}

std::string versioned(const OperatorName& name) { return name.name + "@" + name.version; }

Params search_params(const ReadySearch& search) {
  Params params;
  params.text_array(search.queues).int64(static_cast<std::int64_t>(search.limit));
  if (search.operators) {
    std::vector<std::string> names;
    std::vector<std::string> versions;
    for (const OperatorName& name : *search.operators) {
      if (name.version.empty()) names.push_back(name.name);
      if (!name.version.empty()) versions.push_back(versioned(name));
    }
    params.text_array(names).text_array(versions);
  } else {
    params.null(postgres::Type::TextArray).null(postgres::Type::TextArray);
  }
  params.boolean(search.unrung_only)
      .text(search.window)
      .uuid_array(search.marks, [](const ReadyMarks::Mark& mark) { return mark.build.uuid(); })
      .text_array(search.marks, &ReadyMarks::Mark::queue)
      .instant_array(search.marks, [](const ReadyMarks::Mark& mark) { return mark.place.rank; })
      .uuid_array(search.marks,
                  [](const ReadyMarks::Mark& mark) { return mark.place.task.uuid(); });
  return params;
}

}  // namespace

std::vector<QueueName> queues_of(QueueRuntime runtime) {
  std::vector<QueueName> queues;
  queues.reserve(sql::kLevels.size());
  for (const auto level : sql::kLevels) queues.push_back({runtime, level});
  return queues;
}

std::size_t queue_window(Pipeline& pipeline, const ReadySearch& search) {
  return add_in_index_order(pipeline, kFindWindow, search_params(search));
}

std::size_t queue_alone(Pipeline& pipeline, const ReadySearch& search) {
  return pipeline.add(kFindAlone, search_params(search));
}

std::vector<TaskId> window_of(const Rows& rows) {
  constexpr std::size_t kIdLength = 36;
  std::vector<TaskId> tasks;
  const std::string_view text = rows.text(0, 0);  // {id,id,…}
  for (std::size_t at = 1; at + kIdLength < text.size(); at += kIdLength + 1) {
    const auto id = Uuid::parse(text.substr(at, kIdLength));
    WEIR_ASSERT(id);
    tasks.emplace_back(*id);
  }
  return tasks;
}

std::vector<ReadyMarks::Mark> marks_of(const Rows& rows) {
  std::vector<ReadyMarks::Mark> marks;
  std::istringstream words{std::string(rows.text_if(0, 2).value_or(""))};
  std::string build;
  std::string queue;
  for (std::int64_t micros = 0; words >> build >> queue >> micros;) {
    const auto id = Uuid::parse(build);
    WEIR_ASSERT(id);
    marks.push_back({.build = BuildId(*id),
                     .queue = queue,
                     .place = {.rank = Instant(std::chrono::microseconds(micros))}});
  }
  return marks;
}

void queue_window_switches(Pipeline& pipeline) { pipeline.add(kLockWindowSwitches); }

std::size_t queue_pick(Pipeline& pipeline, const ReadySearch& search, bool triggers) {
  Params params;
  params.text(search.window).boolean(search.unrung_only).boolean(triggers);
  return add_in_index_order(pipeline, kPick, std::move(params));
}

}  // namespace weir::dispatcher
