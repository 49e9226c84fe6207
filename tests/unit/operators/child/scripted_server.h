// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace weir::test {

/// A request as it came.
struct Asked {
  std::string method;
  std::string target;
  std::string head;
  std::string body;
};

struct Answered {
  int status = 200;
  std::string body = "{}";
};

/// An HTTP server on a Unix socket that answers as a test says, one connection a request. It stands
/// in for the worker's task API.
class ScriptedServer {
 public:
  using Script = std::function<Answered(const Asked&)>;

  ScriptedServer(std::string path, Script script)
      : path_(std::move(path)), script_(std::move(script)) {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string endpoint() const { return "unix:" + path_; }
  std::vector<Asked> asked() const {
    const base::MutexLock lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      answer(client);
      close(client);
    }
  }

  void answer(int client) {
    std::string text;
    Asked asked;
    if (!read_until(client, text, "\r\n\r\n")) return;
    const std::size_t head = text.find("\r\n\r\n") + 4;
    asked.head = text.substr(0, head);
    asked.method = text.substr(0, text.find(' '));
    const std::size_t target = asked.method.size() + 1;
    asked.target = text.substr(target, text.find(' ', target) - target);
    std::string lower = asked.head;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t length_at = lower.find("content-length:");
    const std::size_t length =
        length_at == std::string::npos ? 0 : std::stoul(lower.substr(length_at + 15));
    if (lower.find("expect: 100-continue") != std::string::npos) {
      send_all(client, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    while (text.size() < head + length) {
      if (!read_some(client, text)) return;
    }
    asked.body = text.substr(head, length);
    {
      const base::MutexLock lock(mutex_);
      asked_.push_back(asked);
    }
    const Answered now = script_(asked);
    if (now.status == 0) return;  // the connection ends without an answer
    send_all(client, "HTTP/1.1 " + std::to_string(now.status) +
                         " X\r\nContent-Length: " + std::to_string(now.body.size()) +
                         "\r\nConnection: close\r\n\r\n" + now.body);
  }

  static bool read_some(int client, std::string& text) {
    char piece[65536];
    const ssize_t got = recv(client, piece, sizeof piece, 0);
    if (got <= 0) return false;
    text.append(piece, static_cast<std::size_t>(got));
    return true;
  }
  static bool read_until(int client, std::string& text, const char* mark) {
    while (text.find(mark) == std::string::npos) {
      if (!read_some(client, text)) return false;
    }
    return true;
  }
  static void send_all(int client, const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const ssize_t sent = send(client, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }

  const std::string path_;
  const Script script_;
  int listener_ = -1;
  std::thread thread_;
  mutable base::Mutex mutex_;
  std::vector<Asked> asked_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::test
