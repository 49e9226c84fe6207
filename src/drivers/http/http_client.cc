// SPDX-License-Identifier: Apache-2.0
#include "drivers/http/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"
#include "drivers/http/transfer.h"

namespace weir::http {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

/// A byte that could end a line or a part of one.
bool is_blank_or_control(char letter) {
  return static_cast<unsigned char>(letter) <= ' ' || letter == '\x7f';
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char letter) {
    return base::is_unreserved(letter) && letter != '~';
  });
}

Error bad_call(std::string what) { return base::invalid_argument("bad_call", std::move(what)); }

/// What would let a caller's text add lines to the request is refused.
Result<void> check(const Call& call) {
  if (!is_word(call.method)) return bad_call("the method must be a word");
  if (!call.path.starts_with('/') || std::ranges::any_of(call.path, is_blank_or_control) ||
      call.path.contains('#')) {
    return bad_call("the path must begin with a slash and be percent-encoded");
  }
  for (const Field& field : call.headers) {
    if (!is_word(field.name)) return bad_call("a field's name must be a word");
    if (std::ranges::any_of(field.value, [](char letter) {
          return is_blank_or_control(letter) && letter != ' ' && letter != '\t';
        })) {
      return bad_call("the field " + field.name + " holds control characters");
    }
  }
  if (call.source != nullptr && !call.body.empty()) {
    return bad_call("a body or a source, not both");
  }
  return {};
}

}  // namespace

// Lock order: a CancelFlag's lock, then mutex_.
class HttpClient::Pool {
 public:
  Pool(HttpClientConfig config, const Clock& clock)
      : config_(std::move(config)), clock_(clock), endpoint_(endpoint_of(config_)) {}

  Result<Reply> request(const Call& call) WEIR_EXCLUDES(mutex_) {
    WEIR_CHECK(check(call));
    const Duration begin = clock_.monotonic();
    const Duration total = call.total_timeout.value_or(config_.total_timeout);
    WEIR_TRY(std::unique_ptr<Transfer> transfer, take(call.cancel, begin + total));
    const Duration left = begin + total - clock_.monotonic();
    Result<Reply> reply =
        transfer->run(call, {.total_timeout = std::chrono::ceil<std::chrono::milliseconds>(left),
                             .connect_timeout = config_.connect_timeout,
                             .body_bytes_max = config_.body_bytes_max});
    give_back(std::move(transfer));
    return reply;
  }

 private:
  static Endpoint endpoint_of(const HttpClientConfig& config) {
    if (config.base.starts_with(kUnix)) {
      return {.url = "http://localhost", .socket_path = config.base.substr(kUnix.size())};
    }
    std::string url = config.base;
    if (url.ends_with('/')) url.pop_back();
    return {.url = std::move(url)};
  }

  Result<std::unique_ptr<Transfer>> take(CancelFlag* cancel, Duration deadline)
      WEIR_EXCLUDES(mutex_);
  Result<void> wait_for_place(const bool& cancelled, Duration deadline) WEIR_REQUIRES(mutex_);
  void give_back(std::unique_ptr<Transfer> transfer) WEIR_EXCLUDES(mutex_);

  const HttpClientConfig config_;
  const Clock& clock_;
  const Endpoint endpoint_;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::unique_ptr<Transfer>> idle_ WEIR_GUARDED_BY(mutex_);
  std::size_t lent_ WEIR_GUARDED_BY(mutex_) = 0;
  std::size_t waiting_ WEIR_GUARDED_BY(mutex_) = 0;
};

Result<std::unique_ptr<Transfer>> HttpClient::Pool::take(CancelFlag* cancel, Duration deadline) {
  bool cancelled = false;
  std::optional<CancelFlag::Watch> watch;
  watch.emplace(cancel, [this, &cancelled] {
    const base::MutexLock lock(mutex_);
    cancelled = true;
    changed_.notify_all();
  });
  std::unique_ptr<Transfer> taken;
  {
    const base::MutexLock lock(mutex_);
    WEIR_CHECK(wait_for_place(cancelled, deadline));
    ++lent_;
    if (!idle_.empty()) {
      taken = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  watch.reset();
  if (taken != nullptr) return taken;
  Result<std::unique_ptr<Transfer>> made = Transfer::create(endpoint_);
  if (!made.ok()) give_back(nullptr);
  return made;
}

Result<void> HttpClient::Pool::wait_for_place(const bool& cancelled, Duration deadline) {
  if (lent_ >= config_.connections_max && waiting_ >= config_.waiters_max) {
    return Error(Code::ResourceExhausted, "http_client_busy", "too many requests wait");
  }
  ++waiting_;
  while (!cancelled && lent_ >= config_.connections_max) {
    const Duration left = deadline - clock_.monotonic();
    if (left <= Duration::zero()) break;
    changed_.wait_for(mutex_, left);
  }
  --waiting_;
  if (cancelled) return cancelled_error();
  if (lent_ >= config_.connections_max) {
    return timeout_error("all connections stayed in use; nothing was sent");
  }
  return {};
}

void HttpClient::Pool::give_back(std::unique_ptr<Transfer> transfer) {
  const base::MutexLock lock(mutex_);
  --lent_;
  if (transfer != nullptr) idle_.push_back(std::move(transfer));
  // All, as one that is woken may just have been cancelled.
  changed_.notify_all();
}

Result<void> HttpClientConfig::validate() const {
  const auto bad_base = [this] {
    return base::invalid_argument(
        "bad_base", "\"" + base + "\" is neither http(s)://host:port nor unix:/path of at most " +
                        std::to_string(kSocketPathBytesMax) + " bytes");
  };
  if (std::ranges::any_of(base, is_blank_or_control)) return bad_base();
  if (base.starts_with(kUnix)) {
    const std::string_view path = std::string_view(base).substr(kUnix.size());
    if (!path.starts_with('/') || path.size() > kSocketPathBytesMax) return bad_base();
  } else {
    const bool secure = base.starts_with(kHttps);
    if (!secure && !base.starts_with(kHttp)) return bad_base();
    std::string_view authority = std::string_view(base).substr((secure ? kHttps : kHttp).size());
    if (authority.ends_with('/')) authority.remove_suffix(1);
    // No user, no path: the address of a server and nothing else.
    if (authority.empty() || authority.find_first_of("/?#@\\") != std::string_view::npos) {
      return bad_base();
    }
  }
  if (connections_max == 0 || connect_timeout.count() <= 0 || total_timeout.count() <= 0) {
    return weir::base::invalid_argument("out_of_range",
                                        "http client: connections and timeouts from 1");
  }
  return {};
}

Result<std::unique_ptr<HttpClient>> HttpClient::create(HttpClientConfig config,
                                                       const Clock& clock) {
  WEIR_CHECK(config.validate());
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Pool>(std::move(config), clock)));
}

HttpClient::HttpClient(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
HttpClient::~HttpClient() = default;

Result<Reply> HttpClient::request(const Call& call) { return pool_->request(call); }

std::optional<std::string_view> Reply::header(std::string_view name) const {
  const std::string wanted = base::lower_ascii(name);
  for (const Field& field : headers) {
    if (base::lower_ascii(field.name) == wanted) return field.value;
  }
  return {};
}

BodySource file_source(int file) {
  return [file](std::span<char> room) -> Result<std::size_t> {
    ssize_t got = -1;
    do {
      got = ::read(file, room.data(), std::min(room.size(), kFileBlockBytes));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      return base::unavailable("read_failed",
                               std::string("read the body: ") + std::strerror(errno));
    }
    return static_cast<std::size_t>(got);
  };
}

}  // namespace weir::http
