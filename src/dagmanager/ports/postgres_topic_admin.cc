// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_topic_admin.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

#define WEIR_TOPICS_INSERT                                                             \
  "INSERT INTO weir_topics.topic_registry (topic_key, topic, partitions, replication," \
  " retention_ms, cleanup) SELECT unnest($1::bytea[]), unnest($2::text[]),"            \
  " unnest($3::integer[]), unnest($4::integer[]), unnest($5::bigint[]), unnest($6::text[])"

/// Where none is there yet, which is the rule: half the work of kCreate.
constexpr Statement kCreateFresh = {"topics_create_fresh", WEIR_TOPICS_INSERT};

constexpr Statement kCreate = {"topics_create",
                               WEIR_TOPICS_INSERT " ON CONFLICT DO NOTHING RETURNING topic"};

/// The commit does not wait for its own fsync; a later one's covers it.
constexpr Statement kUnsynced = {"topics_unsynced", "SET LOCAL synchronous_commit = off"};

constexpr Statement kCountAlike = {
    "topics_count_alike",
    "SELECT count(*) FROM weir_topics.topic_registry WHERE topic_key = ANY ($1)"};

constexpr Statement kLook = {
    "topics_look",
    "SELECT topic, partitions, replication, retention_ms, cleanup FROM weir_topics.topic_registry"
    " WHERE topic_key = ANY ($1) ORDER BY topic_key, topic"};

constexpr Statement kList = {
    "topics_list",
    "SELECT topic, partitions, replication, retention_ms, cleanup FROM weir_topics.topic_registry"
    " ORDER BY topic"};

constexpr Statement kRemove = {"topics_remove",
                               "DELETE FROM weir_topics.topic_registry r USING"
                               " (SELECT unnest($1::bytea[]) AS topic_key,"
                               " unnest($2::text[]) COLLATE \"C\" AS topic) u"
                               " WHERE r.topic_key = u.topic_key AND r.topic = u.topic"};

#undef WEIR_TOPICS_INSERT

Error broker_error(Error error) {
  switch (error.code()) {
    case Code::Unavailable:
    case Code::Aborted:
    case Code::ResourceExhausted:
      return base::unavailable("broker_unavailable", "topic registry: " + error.message());
    case Code::DeadlineExceeded:
      return {Code::DeadlineExceeded, "broker_unavailable", "topic registry: " + error.message()};
    default:
      return std::move(error).prepend("topic registry");
  }
}

Result<Rows> run(postgres::Pool& pool, const Statement& statement, const Params& params) {
  auto connection = pool.acquire(kStoreConnectionWait);
  if (!connection.ok()) return broker_error(std::move(connection).error());
  auto rows = (*connection)->execute(statement, params);
  if (!rows.ok() && rows.error().reason() != postgres::kUniqueViolation) {
    return broker_error(std::move(rows).error());
  }
  return rows;
}

std::vector<TopicSeen> read_topics(const Rows& rows) {
  std::vector<TopicSeen> topics;
  topics.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    topics.push_back({graph::TopicName(rows.text(row, 0)),
                      {.partitions = static_cast<int>(rows.int64(row, 1)),
                       .replication = static_cast<int>(rows.int64(row, 2)),
                       .retention_ms = rows.int64(row, 3),
                       .cleanup = std::string(rows.text(row, 4))}});
  }
  return topics;
}

/// What the registry finds a topic by, and those that a broker would confuse with it.
std::string registry_key(const graph::TopicName& topic) {
  return key_hash(graph::topic_key(topic).view());
}

Params keys_of(std::span<const graph::TopicName> topics) {
  std::vector<std::string> keys;
  keys.reserve(topics.size());
  for (const graph::TopicName& topic : topics) keys.push_back(registry_key(topic));
  Params params;
  params.bytes_array(keys, as_bytes);
  return params;
}

struct KeyedTopic {
  std::string key;
  const TopicSpec* spec;
};

/// Those that a broker would take, by key: of two that make the same topics at the same time, one
/// waits for the other, and never each for the other.
std::vector<KeyedTopic> legal_topics(std::span<const TopicSpec> topics) {
  std::vector<KeyedTopic> legal;
  legal.reserve(topics.size());
  for (const TopicSpec& spec : topics) {
    if (!graph::illegal_topic(spec.topic.view()))
      legal.push_back({registry_key(spec.topic), &spec});
  }
  std::ranges::sort(legal, {}, &KeyedTopic::key);
  return legal;
}

std::span<const std::byte> key_of(const KeyedTopic& topic) { return as_bytes(topic.key); }

Params specs_params(const std::vector<KeyedTopic>& topics) {
  using Topic = KeyedTopic;
  Params params;
  params.bytes_array(topics, key_of)
      .text_array(topics, [](const Topic& topic) { return topic.spec->topic.view(); })
      .int32_array(topics, [](const Topic& topic) { return topic.spec->shape.partitions; })
      .int32_array(topics, [](const Topic& topic) { return topic.spec->shape.replication; })
      .int64_array(topics, [](const Topic& topic) { return topic.spec->shape.retention_ms; })
      .text_array(topics,
                  [](const Topic& topic) { return std::string_view(topic.spec->shape.cleanup); });
  return params;
}

/// Makes the topics if none of them is there yet, else fails with `unique_violation`. True if the
/// registry, once it held them, had no other topic that a broker would confuse with one of them.
Result<bool> create_fresh(postgres::Pool& pool, TopicSync sync,
                          const std::vector<KeyedTopic>& topics) {
  auto connection = pool.acquire(kStoreConnectionWait);
  if (!connection.ok()) return broker_error(std::move(connection).error());
  Params alike;
  alike.bytes_array(topics, key_of);
  postgres::Pipeline pipeline(**connection);
  pipeline.begin();
  if (sync == TopicSync::WithGraph) pipeline.add(kUnsynced);
  pipeline.add(kCreateFresh, specs_params(topics));
  const std::size_t count = pipeline.add(kCountAlike, std::move(alike));
  pipeline.commit();
  const auto results = pipeline.run();
  if (results.ok()) {
    // Of two that were made now, alike and by two names, each is another's.
    const bool distinct = std::ranges::adjacent_find(topics, {}, &KeyedTopic::key) == topics.end();
    return distinct && (*results)[count].int64(0, 0) == std::ssize(topics);
  }
  if (results.error().reason() == postgres::kUniqueViolation) return results.error();
  return broker_error(results.error());
}

}  // namespace

Result<std::vector<CreateAnswer>> PostgresTopicAdmin::create(std::span<const TopicSpec> topics) {
  const std::vector<KeyedTopic> legal = legal_topics(topics);
  WEIR_CRASH_POINT("topics.before_create");
  const auto seen = create_fresh(pool_, sync_, legal);
  Result<Rows> made = Rows();
  if (!seen.ok()) {
    if (seen.error().reason() != postgres::kUniqueViolation) return seen.error();
    made = run(pool_, kCreate, specs_params(legal));
    if (!made.ok()) return std::move(made).error();
  }
  WEIR_CRASH_POINT("topics.after_create");
  absl::flat_hash_set<std::string_view> fresh;
  for (std::size_t row = 0; !seen.ok() && row < made->size(); ++row) {
    fresh.insert(made->text(row, 0));
  }
  std::vector<CreateAnswer> answers;
  answers.reserve(topics.size());
  for (const TopicSpec& spec : topics) {
    if (graph::illegal_topic(spec.topic.view())) {
      answers.push_back(CreateAnswer::Refused);
    } else if (seen.ok()) {
      answers.push_back(*seen ? CreateAnswer::CreatedAndSeen : CreateAnswer::Created);
    } else {
      // A name that is asked for twice is new once.
      const bool is_new = fresh.erase(spec.topic.view()) > 0;
      answers.push_back(is_new ? CreateAnswer::Created : CreateAnswer::AlreadyExists);
    }
  }
  return answers;
}

Result<std::vector<TopicSeen>> PostgresTopicAdmin::look(std::span<const graph::TopicName> topics) {
  WEIR_TRY(const Rows rows, run(pool_, kLook, keys_of(topics)));
  return read_topics(rows);
}

Result<std::vector<TopicSeen>> PostgresTopicAdmin::list() {
  WEIR_TRY(const Rows rows, run(pool_, kList, {}));
  return read_topics(rows);
}

Result<std::vector<std::optional<std::int64_t>>> PostgresTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  WEIR_TRY(const Rows rows, run(pool_, kLook, keys_of(topics)));
  absl::flat_hash_set<std::string_view> there;
  for (std::size_t row = 0; row < rows.size(); ++row) there.insert(rows.text(row, 0));
  std::vector<std::optional<std::int64_t>> sizes;
  sizes.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    sizes.push_back(there.contains(topic.view()) ? std::optional<std::int64_t>(0) : std::nullopt);
  }
  return sizes;
}

Result<std::vector<bool>> PostgresTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  Params params = keys_of(topics);
  params.text_array(topics, &graph::TopicName::view);
  WEIR_CRASH_POINT("topics.before_remove");
  WEIR_CHECK(run(pool_, kRemove, params));
  WEIR_CRASH_POINT("topics.after_remove");
  return std::vector<bool>(topics.size(), true);
}

Result<int> PostgresTopicAdmin::broker_count() { return kRegistryBrokers; }

Result<void> PostgresTopicAdmin::ping() {
  auto answered = pool_.ping(kStoreConnectionWait);
  if (!answered.ok()) return broker_error(std::move(answered).error());
  return {};
}

}  // namespace weir::dagmanager
