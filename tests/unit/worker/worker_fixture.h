// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/log.h"
#include "server/system_clock.h"
#include "storage/folder_object_store.h"
#include "tests/unit/worker/child/temporary_folder.h"
#include "tests/unit/worker/fake_dispatcher.h"
#include "worker/worker.h"

namespace weir::worker {

/// Stands still, so that every attempt is as short as can be; a test moves it on, or lets it go.
class HeldClock final : public Clock {
 public:
  Instant now() const override { return real_.now(); }
  Duration monotonic() const override {
    return (goes_ ? real_.monotonic() : held_) + Duration(moved_.load());
  }
  void sleep_for(Duration span) override { real_.sleep_for(span); }
  void move(Duration span) { moved_ += span.count(); }
  void go() { goes_ = true; }

 private:
  server::SystemClock real_;
  const Duration held_ = real_.monotonic();
  std::atomic<Duration::rep> moved_ = 0;
  std::atomic<bool> goes_ = false;
};

/// A worker over a fake dispatcher, whose operators are scripts of a test.
class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    config_.internal_socket = "unused";
    config_.worker_token_file = "unused";
    config_.worker_id = "test";
    config_.slots = 2;
    config_.object_root = folder_ / "objects";
    config_.scratch_folder = folder_ / "scratch";
    config_.log_folder = folder_ / "logs";
    config_.operators_file = folder_ / "operators.json";
    config_.cancel_grace = std::chrono::milliseconds(300);
    config_.kill_after = std::chrono::milliseconds(300);
    config_.drain = std::chrono::milliseconds(100);
    std::filesystem::create_directories(config_.log_folder);
  }

  /// An operator of that name that a shell runs; `$API` is the path of its socket.
  void define(const std::string& name, const std::string& script) {
    write_text(folder_ / (name + ".sh"), "API=\"${TRACE_TASK_API#unix:}\"\n" + script + "\n");
    operators_["operators"].push_back(
        {{"name", name}, {"version", "1"}, {"command", {"/bin/sh", "./" + name + ".sh"}}});
  }

  /// What a worker works with, but for itself.
  void furnish() {
    write_text(config_.operators_file, operators_.dump());
    auto scratch = Scratch::open(config_.scratch_folder, random_);
    ASSERT_TRUE(scratch.ok());
    scratch_ = std::move(*scratch);
    const auto root = storage::StorageRoot::of_folder(config_.object_root);
    ASSERT_TRUE(root.ok());
    auto objects = storage::FolderObjectStore::open(*root, random_);
    ASSERT_TRUE(objects.ok());
    objects_ = std::move(*objects);
  }

  void start() {
    furnish();
    auto worker = Worker::create(config_, {.dispatcher = dispatcher_,
                                           .objects = *objects_,
                                           .rows = nullptr,
                                           .clock = *clock_used_,
                                           .random = random_,
                                           .log = log_,
                                           .scratch = *scratch_,
                                           .secrets = {{"KEY", "secret-canary"}},
                                           .hidden = {"worker-token-canary"}});
    ASSERT_TRUE(worker.ok()) << worker.error().describe();
    worker_ = std::move(*worker);
    worker_->start();
  }

  std::string log_of(const std::string& task_id) const {
    return read_text(folder_ / ("logs/" + task_id + ".1.log"));
  }
  /// Folders that are kept for the next attempts are empty.
  bool scratch_is_empty() const {
    for (const auto& entry : std::filesystem::directory_iterator(scratch_->folder())) {
      if (entry.is_directory() && !std::filesystem::is_empty(entry.path())) return false;
    }
    return true;
  }

  TemporaryFolder folder_;
  server::SystemClock clock_;
  const Clock* clock_used_ = &clock_;
  server::SystemRandom random_;
  server::Log log_{{.level = server::LogLevel::Off}};
  FakeDispatcher dispatcher_;
  nlohmann::json operators_ = {{"operators", nlohmann::json::array()}};
  WorkerConfig config_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<storage::FolderObjectStore> objects_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace weir::worker
