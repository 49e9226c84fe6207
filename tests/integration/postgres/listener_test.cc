// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "drivers/postgres/connection.h"
#include "tests/integration/postgres_fixture.h"
#include "tests/must.h"

namespace weir::postgres {
namespace {

class ListenerTest : public testing::Test {
 protected:
  static constexpr std::array kChannels = {"first_bell", "other_bell"};

  ListenerTest()
      : database_(test::fresh_database()),
        session_(database_->connect()),
        listener_(test::must(Listener::connect({.dsn = database_->dsn()}, kChannels))),
        wake_(eventfd(0, EFD_CLOEXEC)) {}
  ~ListenerTest() override { close(wake_); }

  void run(const std::string& sql) { EXPECT_TRUE(session_->execute_script(sql).ok()) << sql; }
  void wake() const {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(wake_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }

  std::unique_ptr<test::FreshDatabase> database_;
  std::unique_ptr<Connection> session_;
  std::unique_ptr<Listener> listener_;
  int wake_;
};

TEST_F(ListenerTest, HearsWhatIsCommittedOncePerChannel) {
  run("NOTIFY first_bell, 'a'; NOTIFY first_bell, 'b'; NOTIFY other_bell; NOTIFY nobody");
  const auto heard = listener_->wait(wake_);
  ASSERT_TRUE(heard.ok());
  EXPECT_THAT(*heard, testing::ElementsAre("first_bell", "other_bell"));
}

TEST_F(ListenerTest, HearsNothingOfWhatIsRolledBack) {
  run("BEGIN; NOTIFY first_bell; ROLLBACK");
  run("NOTIFY other_bell");
  const auto heard = listener_->wait(wake_);
  ASSERT_TRUE(heard.ok());
  EXPECT_THAT(*heard, testing::ElementsAre("other_bell"));
}

TEST_F(ListenerTest, WakesWithoutANotificationWhenItIsTold) {
  std::thread waker([this] { wake(); });
  const auto heard = listener_->wait(wake_);
  waker.join();
  ASSERT_TRUE(heard.ok());
  EXPECT_TRUE(heard->empty());
}

TEST_F(ListenerTest, SaysThatItsSessionIsLost) {
  run("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  const auto heard = listener_->wait(wake_);
  ASSERT_FALSE(heard.ok());
  EXPECT_EQ(heard.error().reason(), "postgres_unavailable");
}

TEST_F(ListenerTest, FailsWhereNobodyAnswers) {
  const auto none = Listener::connect({.dsn = "host=/nowhere dbname=x"}, kChannels);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().reason(), "postgres_unavailable");
}

}  // namespace
}  // namespace weir::postgres
