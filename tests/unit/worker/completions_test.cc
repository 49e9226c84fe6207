// SPDX-License-Identifier: Apache-2.0
#include "worker/completions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/log.h"
#include "server/system_clock.h"
#include "tests/unit/worker/worker_fixture.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

using Json = nlohmann::json;
using Tasks = std::vector<std::string>;

constexpr Duration kSoon = std::chrono::seconds(30);

/// Takes outcomes as the dispatcher does, but for what a test says. Any thread.
class OutcomeTaker final : public DispatcherPort {
 public:
  /// A request that names this task is refused as a whole.
  void refuse(const std::string& task) {
    set([&] { refused_ = task; });
  }
  /// This one's next outcome shall come again.
  void put_off(const std::string& task) {
    set([&] { put_off_ = task; });
  }
  /// What the next request brings is taken, and its answer lost.
  void lose_answer() {
    set([&] { lost_ = true; });
  }

  /// Waits for so many requests, and gives the tasks that each named.
  std::vector<Tasks> requests(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + kSoon;
    const base::MutexLock lock(mutex_);
    while (requests_.size() < count && std::chrono::steady_clock::now() < until) {
      changed_.wait_for(mutex_, std::chrono::milliseconds(100));
    }
    return requests_;
  }
  /// How often a task's outcome was taken.
  int taken(const std::string& task) {
    const base::MutexLock lock(mutex_);
    return taken_[task];
  }

  Result<Reply> post(std::string_view, std::string body, Duration) override {
    const base::MutexLock lock(mutex_);
    const Json asked = Json::parse(body)["completions"];
    Tasks& tasks = requests_.emplace_back();
    for (const Json& item : asked) tasks.push_back(item["task_id"]);
    changed_.notify_all();
    if (std::ranges::find(tasks, refused_) != tasks.end()) {
      return Reply{400, R"({"code":"invalid_request"})"};
    }
    Json results = Json::array();
    for (const std::string& task : tasks) {
      if (task == put_off_) {
        put_off_.clear();
        results.push_back({{"task_id", task}, {"problem", {{"status", 503}, {"code", "busy"}}}});
        continue;
      }
      ++taken_[task];
      results.push_back({{"task_id", task}, {"result", {{"status", "completed"}}}});
    }
    if (lost_) {
      lost_ = false;
      return base::unavailable("http_reply_lost", "lost");
    }
    return Reply{200, Json({{"results", results}}).dump()};
  }
  Result<Reply> poll(std::string_view, std::string, Duration) override {
    return base::unavailable("http_unreachable", "no polls here");
  }
  void cancel_polls() override {}

 private:
  void set(const std::function<void()>& change) {
    const base::MutexLock lock(mutex_);
    change();
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<Tasks> requests_;
  std::map<std::string, int> taken_;
  std::string refused_;
  std::string put_off_;
  bool lost_ = false;
};

/// No time passes but what a test says, until it lets the clock go.
class CompletionsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    clock_.go();
    EXPECT_TRUE(completions_.stop(kSoon));
  }

  void report(const std::string& task, Report when, int attempt = 1) {
    completions_.report(
        {.task_id = task, .attempt = attempt, .lease_token = "lease", .outcome = "success"}, when);
  }
  void report_together(const Tasks& tasks) {
    for (const std::string& task : tasks) report(task, Report::Together);
  }

  OutcomeTaker taker_;
  HeldClock clock_;
  server::SystemRandom random_;
  server::Log log_{{.level = server::LogLevel::Off}};
  InternalApi api_{taker_, "test", "ecs_platform", {}};
  Completions completions_{api_, clock_, random_, log_};
};

TEST_F(CompletionsTest, SendsOutcomesOfShortAttemptsInOneRequestOnceTheyAreMany) {
  completions_.start();
  Tasks tasks;
  for (std::size_t i = 0; i < kReportsTogether; ++i) tasks.push_back("t" + std::to_string(i));
  report_together(tasks);
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(1), std::vector<Tasks>(1, tasks));
}

TEST_F(CompletionsTest, SendsFewOutcomesOnceTheirTimeIsUp) {
  completions_.start();
  report_together({"a", "b", "c"});
  EXPECT_EQ(completions_.waiting(), 3U);
  clock_.move(kReportSpan);
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(1), (std::vector<Tasks>{{"a", "b", "c"}}));
}

TEST_F(CompletionsTest, SendsWhatWaitsAlongWithAnOutcomeThatIsUrgent) {
  completions_.start();
  report_together({"a", "b"});
  report("c", Report::AtOnce);
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(1), (std::vector<Tasks>{{"a", "b", "c"}}));
}

TEST_F(CompletionsTest, SendsWhatWaitsWhenItEnds) {
  completions_.start();
  report_together({"a", "b"});
  EXPECT_TRUE(completions_.stop(kSoon));
  EXPECT_EQ(taker_.requests(1), (std::vector<Tasks>{{"a", "b"}}));
}

TEST_F(CompletionsTest, SendsOneByOneWhatIsRefusedTogetherAndTellsNothingTwice) {
  taker_.refuse("bad");
  report_together({"a", "bad", "c"});
  clock_.move(kReportSpan);
  completions_.start();
  completions_.wait_below(2);
  EXPECT_EQ(taker_.requests(4), (std::vector<Tasks>{{"a", "bad", "c"}, {"a"}, {"bad"}, {"c"}}));
  EXPECT_EQ(completions_.waiting(), 1U) << "the one at fault is not lost";
  taker_.refuse("");
  clock_.go();
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(5).back(), Tasks{"bad"});
  for (const char* task : {"a", "bad", "c"}) EXPECT_EQ(taker_.taken(task), 1) << task;
}

TEST_F(CompletionsTest, RepeatsARequestWhoseAnswerIsLost) {
  taker_.lose_answer();
  report_together({"a", "b", "c"});
  clock_.move(kReportSpan);
  completions_.start();
  EXPECT_EQ(taker_.requests(1).size(), 1U);
  EXPECT_EQ(completions_.waiting(), 3U) << "nobody knows what became of them";
  // Those that come meanwhile go along.
  report("d", Report::Together);
  clock_.go();
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(2), (std::vector<Tasks>{{"a", "b", "c"}, {"a", "b", "c", "d"}}));
}

TEST_F(CompletionsTest, SendsAgainOnlyTheOutcomeThatWasPutOff) {
  taker_.put_off("b");
  report_together({"a", "b", "c"});
  clock_.move(kReportSpan);
  completions_.start();
  completions_.wait_below(2);
  clock_.go();
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(2), (std::vector<Tasks>{{"a", "b", "c"}, {"b"}}));
  for (const char* task : {"a", "b", "c"}) EXPECT_EQ(taker_.taken(task), 1) << task;
}

TEST_F(CompletionsTest, NamesNoTaskTwiceInARequest) {
  report_together({"a", "b"});
  report("a", Report::AtOnce, 2);
  completions_.start();
  completions_.wait_below(1);
  EXPECT_EQ(taker_.requests(2), (std::vector<Tasks>{{"a", "b"}, {"a"}}));
}

}  // namespace
}  // namespace weir::worker
