// SPDX-License-Identifier: Apache-2.0
#include "server/span_exporter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "drivers/http/http_client.h"
#include "server/tracing/limits.h"

namespace weir::server {
namespace {

constexpr std::string_view kTracesPath = "/v1/traces";

Error bad_endpoint(std::string what) {
  return base::invalid_argument("bad_endpoint", std::move(what));
}

/// Zero if it says none, or a date.
Duration retry_after(const weir::http::Reply& reply) {
  const std::string_view text = reply.header("Retry-After").value_or("");
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::clamp<Duration>(std::chrono::seconds(seconds), Duration::zero(), kExportPauseMax);
}

}  // namespace

Result<TraceEndpoint> read_trace_endpoint(std::string_view text) {
  constexpr std::string_view kBehindScheme = "://";
  const std::size_t scheme = text.find(kBehindScheme);
  if (scheme == std::string_view::npos || text.starts_with("unix:")) {
    return bad_endpoint("give http://host:port or https://host:port");
  }
  const std::size_t slash = text.find('/', scheme + kBehindScheme.size());
  TraceEndpoint endpoint = {.base = std::string(text.substr(0, slash)), .path = {}};
  if (slash != std::string_view::npos) endpoint.path = text.substr(slash);
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  const bool plain = std::ranges::all_of(endpoint.path, [](char letter) {
    return letter > ' ' && letter < '\x7f' && letter != '?' && letter != '#';
  });
  if (!weir::http::HttpClientConfig{.base = endpoint.base}.validate().ok() || !plain) {
    return bad_endpoint(
        "give http://host:port or https://host:port, with a path if the collector has one; no "
        "user, query or blank");
  }
  endpoint.path += kTracesPath;
  return endpoint;
}

Result<std::unique_ptr<SpanExporter>> SpanExporter::create(Config config, Parts parts) {
  WEIR_TRY(auto client, weir::http::HttpClient::create({.base = config.endpoint.base,
                                                        .connections_max = 1,
                                                        .total_timeout = kExportTimeout,
                                                        .body_bytes_max = kExportAnswerBytesMax},
                                                       parts.clock));
  return std::unique_ptr<SpanExporter>(
      new SpanExporter(std::move(config), parts, std::move(client)));
}

SpanExporter::SpanExporter(Config config, Parts parts,
                           std::unique_ptr<weir::http::HttpClient> client)
    : config_(std::move(config)), parts_(parts), client_(std::move(client)), thread_(parts.clock) {
  parts_.queue.on_due([this] { thread_.nudge(); });
}

SpanExporter::~SpanExporter() { stop(); }

void SpanExporter::start() {
  thread_.start({}, [this] { return run_once(); });
}

void SpanExporter::stop() {
  cancel_.set();
  thread_.stop();
  if (std::exchange(stopped_, true)) return;
  const Duration until = parts_.clock.monotonic() + kLastExportTimeout;
  while (pause_ == Duration::zero()) {
    const Duration left = until - parts_.clock.monotonic();
    if (left <= Duration::zero() || !take_batch()) return;
    const Outcome outcome = send_batch(left, nullptr);
    if (outcome == Outcome::Later) return;
    batch_is_gone(outcome == Outcome::Taken ? rejected_ : batch_);
  }
}

std::optional<Duration> SpanExporter::run_once() {
  while (!thread_.stopping()) {
    const Duration now = parts_.clock.monotonic();
    if (pause_ != Duration::zero() && again_at_ > now) return again_at_;
    if (batch_ == 0) {
      const std::optional<Duration> due = parts_.queue.due_at();
      if (!due || *due > now) return due;
      take_batch();
    }
    switch (send_batch(kExportTimeout, &cancel_)) {
      case Outcome::Taken:
        batch_is_gone(rejected_);
        break;
      case Outcome::Refused:
        batch_is_gone(batch_);
        break;
      case Outcome::Later:
        put_off();
        break;
      case Outcome::Cut:
        return {};
    }
  }
  return {};
}

bool SpanExporter::take_batch() {
  if (batch_ > 0) return true;
  const std::vector<SpanRecord> spans = parts_.queue.take();
  if (spans.empty()) return false;
  batch_ = spans.size();
  body_ = otlp_json(config_.resource, spans);
  tries_ = 0;
  return true;
}

SpanExporter::Outcome SpanExporter::send_batch(Duration timeout, weir::http::CancelFlag* cancel) {
  ++tries_;
  rejected_ = 0;
  retry_after_ = {};
  const weir::http::Call call = {
      .method = "POST",
      .path = config_.endpoint.path,
      .headers = {{"Content-Type", "application/json"}},
      .body = body_,
      .total_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout),
      .cancel = cancel};
  return judge(client_->request(call));
}

SpanExporter::Outcome SpanExporter::judge(const Result<weir::http::Reply>& reply) {
  if (!reply.ok()) {
    if (cancel_.is_set() && reply.error().code() == Code::Cancelled) return Outcome::Cut;
    note_failure(reply.error().reason());
    return Outcome::Later;
  }
  if (reply->status >= 200 && reply->status < 300) {
    if (std::exchange(failing_, false)) {
      parts_.log.info("spans are taken again", {{"collector", config_.endpoint.base}});
    }
    pause_ = {};
    rejected_ = std::min(rejected_spans(reply->body), batch_);
    return Outcome::Taken;
  }
  note_failure("status " + std::to_string(reply->status));
  constexpr std::array<int, 4> kLater = {429, 502, 503, 504};
  if (std::ranges::find(kLater, reply->status) == kLater.end()) return Outcome::Refused;
  retry_after_ = retry_after(*reply);
  return Outcome::Later;
}

void SpanExporter::batch_is_gone(std::size_t lost) {
  batch_ = 0;
  body_.clear();
  parts_.queue.release(lost);
}

void SpanExporter::put_off() {
  pause_ = std::clamp<Duration>(2 * pause_, kExportPauseMin, kExportPauseMax);
  again_at_ = parts_.clock.monotonic() + std::max(pause_, retry_after_);
  if (tries_ >= kExportTriesMax) batch_is_gone(batch_);
}

/// Once, until they are taken again.
void SpanExporter::note_failure(const std::string& why) {
  if (std::exchange(failing_, true)) return;
  parts_.log.warning("spans are not taken; they are kept for a while, then dropped and counted",
                     {{"collector", config_.endpoint.base}, {"why", why}});
}

}  // namespace weir::server
