// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/alert_sender.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "dagmanager/core/monitors/alert_message.h"
#include "dagmanager/core/monitors/limits.h"
#include "dagmanager/monitors/limits.h"
#include "server/auth/secret_file.h"

namespace weir::dagmanager {
namespace {

/// The delay in seconds; dates are not read.
std::optional<Duration> retry_after(const http::Reply& reply) {
  const auto value = reply.header("Retry-After");
  if (!value) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (fault != std::errc() || end != value->data() + value->size() || seconds < 0)
    return std::nullopt;
  return std::chrono::seconds(
      std::min(seconds, std::chrono::duration_cast<std::chrono::seconds>(kNoticeDead).count()));
}

}  // namespace

Result<std::unique_ptr<AlertSender>> AlertSender::create(AlertRoute route, Parts parts) {
  WEIR_TRY(AlertAddress address, route.address());
  WEIR_TRY(auto client, http::HttpClient::create({.base = address.base,
                                                  .connections_max = 1,
                                                  .connect_timeout = kNoticeTimeout,
                                                  .total_timeout = kNoticeTimeout,
                                                  .body_bytes_max = kNoticeReplyBytesMax},
                                                 parts.clock));
  return std::unique_ptr<AlertSender>(
      new AlertSender(std::move(route), parts, std::move(client), std::move(address.path)));
}

AlertSender::AlertSender(AlertRoute route, Parts parts, std::unique_ptr<http::HttpClient> client,
                         std::string path)
    : route_(std::move(route)),
      parts_(parts),
      client_(std::move(client)),
      path_(std::move(path)),
      breaker_("alert_" + std::string(target_text(route_.target)), parts.clock),
      thread_(parts.clock) {}

void AlertSender::start() {
  thread_.start({}, [this]() -> std::optional<Duration> {
    send_all();
    return {};
  });
}

void AlertSender::stop() {
  cancel_.set();
  thread_.stop();
  const base::MutexLock lock(mutex_);
  jobs_.clear();
}

bool AlertSender::send(const Alert& alert, NoticeKind kind, Done done) {
  {
    const base::MutexLock lock(mutex_);
    if (jobs_.size() >= kNoticesWaitingMax || cancel_.is_set()) return false;
    jobs_.push_back({alert, kind, std::move(done)});
  }
  thread_.nudge();
  return true;
}

void AlertSender::send_all() {
  while (!thread_.stopping()) {
    Job job;
    {
      const base::MutexLock lock(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    auto outcome = try_one(job);
    if (!cancel_.is_set()) job.done(std::move(outcome));
  }
}

std::optional<NoticeOutcome> AlertSender::try_one(const Job& job) {
  if (!breaker_.admit().ok() && !breaker_.take_probe()) return std::nullopt;
  NoticeOutcome outcome{
      .alert = job.alert.id, .target = route_.target, .kind = job.kind, .at = parts_.clock.now()};
  const auto reply = post(job);
  outcome.at = parts_.clock.now();
  outcome.sent = reply.ok() && reply->status < 400;
  // A target that answers is there, whatever it says; one that is overloaded is not.
  breaker_.saw(reply.ok() ? reply->status < 500 : reply.error().code() == Code::FailedPrecondition);
  parts_.observer.notice_sent(route_.target, outcome.sent);
  if (outcome.sent) return outcome;
  outcome.error =
      reply.ok() ? "answered " + std::to_string(reply->status) : reply.error().describe();
  if (reply.ok()) outcome.retry_after = retry_after(*reply);
  parts_.log.warning("an alert was not taken and is sent again",
                     {{"target", target_text(route_.target)},
                      {"alert", job.alert.key.name},
                      {"subject", job.alert.key.subject},
                      {"error", outcome.error}});
  return outcome;
}

Result<http::Reply> AlertSender::post(const Job& job) {
  AlertAccess access{.target = route_.target,
                     .token = {},
                     .dashboards = route_.dashboards,
                     .source = route_.source};
  if (!route_.token_file.empty()) {
    const auto token = auth::read_secret_file(route_.token_file);
    if (!token.ok()) {
      return base::failed_precondition("alert_token",
                                       "the token cannot be read: " + token.error().message());
    }
    access.token = token->reveal();
  }
  AlertMessage message = alert_message(access, job.alert, job.kind);
  http::Call call{.method = "POST", .path = path_ + message.path, .body = std::move(message.body)};
  if (call.path.empty()) call.path = "/";
  for (auto& [name, value] : message.headers) call.headers.push_back({name, std::move(value)});
  call.cancel = &cancel_;
  return client_->request(call);
}

}  // namespace weir::dagmanager
