// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "dispatcher/ports/tasks/postgres_outbox.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "dispatcher/ports/tasks/postgres_wakeup_queue.h"
#include "tests/conformance/task_store/postgres_task_tables.h"
#include "tests/conformance/task_store/task_engine.h"
#include "tests/integration/dispatcher/task_fixture.h"

namespace weir::test {
namespace {

/// The adapters' statements name clock_timestamp() and now() without a schema. Their sessions look
/// into this one first, where both give what the test says.
constexpr const char* kClockSql =
    "CREATE SCHEMA weir_test;"
    "CREATE TABLE weir_test.clock (at timestamptz NOT NULL);"
    "INSERT INTO weir_test.clock VALUES ('epoch');"
    "CREATE FUNCTION weir_test.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql"
    " AS 'SELECT at FROM weir_test.clock';"
    "CREATE FUNCTION weir_test.now() RETURNS timestamptz STABLE LANGUAGE sql"
    " AS 'SELECT at FROM weir_test.clock';"
    "GRANT USAGE ON SCHEMA weir_test TO PUBLIC; GRANT SELECT ON weir_test.clock TO PUBLIC;";

std::unique_ptr<postgres::Pool> clocked_pool(TaskPlane& plane) {
  plane.script(kClockSql);
  plane.script("SET search_path = weir_test, pg_catalog");  // what the test does itself
  postgres::PoolOptions options;
  options.connect = dispatcher::service_connect_options(
      plane.database().dsn(), dispatcher::ServiceRole::Dispatcher, plane.state());
  options.connect.settings.emplace_back("search_path", "weir_test, pg_catalog");
  return std::make_unique<postgres::Pool>(std::move(options), real_clock());
}

class PostgresEngine final : public TaskEngine {
 public:
  explicit PostgresEngine(Random& random)
      : pool_(clocked_pool(plane_)),
        store_(*pool_, {.random = random, .waiting = find_line()}),
        queue_(*pool_, random),
        outbox_(*pool_) {
    set_clock();
  }

  dispatcher::TaskStore& store() override { return store_; }
  dispatcher::WakeupQueue& queue() override { return queue_; }
  dispatcher::Outbox& outbox() override { return outbox_; }
  Instant now() const override { return now_; }
  void advance(Duration span) override {
    now_ += span;
    set_clock();
  }
  void seed(const dispatcher::TaskSeed& seed) override { insert_seed(plane_, seed); }
  void set_dispatch(const dispatcher::BuildId& build, dispatcher::Dispatch dispatch,
                    dispatcher::CancelReason reason) override {
    test::set_dispatch(plane_, build, dispatch, reason);
  }
  void pause(const dispatcher::PauseSeed& pause) override { test::pause(plane_, pause); }
  void unpause(const dispatcher::PauseSeed& pause) override { test::unpause(plane_, pause); }
  void archive(const dispatcher::TaskId& task) override { test::archive(plane_, task); }
  void put_outbox(const dispatcher::OutboxRecord& row) override { test::put_outbox(plane_, row); }
  dispatcher::TaskTables tables() override { return read_tables(plane_.superuser()); }
  void audit() override { expect_clean_audit(plane_); }

 private:
  void set_clock() {
    plane_.script("UPDATE weir_test.clock SET at = 'epoch'::timestamptz + " +
                  std::to_string(now_.time_since_epoch().count()) + " * interval '1 microsecond'");
  }

  TaskPlane plane_;
  Instant now_ = kEngineStart;
  std::unique_ptr<postgres::Pool> pool_;
  dispatcher::PostgresTaskStore store_;
  dispatcher::PostgresWakeupQueue queue_;
  dispatcher::PostgresOutbox outbox_;
};

const RegisterTaskEngine kPostgres({"Postgres", [](Random& random) {
                                      return std::make_unique<PostgresEngine>(random);
                                    }});

}  // namespace
}  // namespace weir::test
