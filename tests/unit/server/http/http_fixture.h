// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/http/http_server.h"
#include "server/system_clock.h"
#include "tests/unit/server/http/http_client.h"
#include "tests/unit/server/signal_gate.h"

namespace weir::server {

/// A value that one thread leaves and the test takes, waiting for it.
template <class T>
class Handover {
 public:
  void give(T value) {
    const base::MutexLock lock(mutex_);
    value_.emplace(std::move(value));
    given_.notify_all();
  }

  /// Nothing after 20 s.
  std::optional<T> take() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const base::MutexLock lock(mutex_);
    while (!value_) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero()) return {};
      given_.wait_for(mutex_, left);
    }
    return std::exchange(value_, std::nullopt);
  }

 private:
  base::Mutex mutex_;
  base::CondVar given_;
  std::optional<T> value_ WEIR_GUARDED_BY(mutex_);
};

/// A folder of the test's own, removed with what is in it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "weir-http-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// A listener whose routes the test fills in.
class HttpFixture : public testing::Test {
 protected:
  void start(HttpServerConfig config = {}) {
    Result<std::unique_ptr<HttpServer>> made =
        HttpServer::create(std::move(config), router_, {random_, log_});
    ASSERT_TRUE(made.ok());
    server_ = *std::move(made);
    const Result<void> started = server_->start();
    ASSERT_TRUE(started.ok()) << started.error().describe();
  }

  SystemRandom random_;
  Log log_{{.level = LogLevel::Debug, .form = LogForm::Json, .sink = [](std::string_view) {}}};
  Router router_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace weir::server
