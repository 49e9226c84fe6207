// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "tests/must.h"

namespace weir::dagmanager::test {

/// A target of alerts that remembers what it took, and can be told to refuse.
class RecordingReceiver {
 public:
  struct Notice {
    std::string path;
    std::string authorization;
    std::string body;
  };

  RecordingReceiver() {
    server::Router router;
    for (const char* path : {"/hook", "/hook/{alias}/close"}) {
      router.add({"POST", path,
                  [this](const server::HttpRequest& request) { return take(request); },
                  std::size_t{1} << 20});
    }
    server_ =
        weir::test::must(server::HttpServer::create({.address = {.host = "127.0.0.1", .port = 0}},
                                                    std::move(router), {random_, server::log()}));
    weir::test::must(server_->start());
  }
  ~RecordingReceiver() { server_->stop(); }
  RecordingReceiver(const RecordingReceiver&) = delete;
  RecordingReceiver& operator=(const RecordingReceiver&) = delete;

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook";
  }

  /// What to answer from now on.
  void answer(int status, std::optional<int> retry_after = {}) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    status_ = status;
    retry_after_ = retry_after;
  }
  /// What it took, refused notices apart.
  std::vector<Notice> taken() const WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    return taken_;
  }
  int asked() const WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    return asked_;
  }

 private:
  server::HttpResponse take(const server::HttpRequest& request) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    ++asked_;
    if (status_ < 400) {
      taken_.push_back({request.encoded_path,
                        std::string(request.header("Authorization").value_or("")), request.body});
    }
    server::HttpResponse response{.status = status_};
    if (retry_after_) response.headers.push_back({"Retry-After", std::to_string(*retry_after_)});
    return response;
  }

  base::SeededRandom random_{1};
  mutable base::Mutex mutex_;
  int status_ WEIR_GUARDED_BY(mutex_) = 202;
  std::optional<int> retry_after_ WEIR_GUARDED_BY(mutex_);
  std::vector<Notice> taken_ WEIR_GUARDED_BY(mutex_);
  int asked_ WEIR_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<server::HttpServer> server_;
};

}  // namespace weir::dagmanager::test
