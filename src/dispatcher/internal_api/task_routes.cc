// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "dispatcher/internal_api/internal_routes.h"
#include "dispatcher/internal_api/task_answers.h"
#include "dispatcher/wire/limits.h"
#include "dispatcher/wire/problems.h"
#include "server/auth/capability.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;
using server::HttpResponse;
using Claims = auth::CapabilityClaims;
using TaskRoute = Result<HttpResponse> (*)(InternalApi&, const Claims&, const HttpRequest&);

constexpr std::string_view kCapabilityHeader = "X-Trace-Task-Capability";

Result<void> bound(const Claims& claims, const TaskId& task, const Fence& fence) {
  return auth::check_binding(claims, {task.uuid(), fence.attempt});
}

template <class Reply>
Result<HttpResponse> refused(const Answer<Reply>& answer, std::string_view id) {
  return answer.refused ? problem_response(*answer.refused, id)
                        : problem_response(*answer.fault, id);
}

Result<HttpResponse> heartbeat(InternalApi& api, const Claims& claims, const HttpRequest& request) {
  WEIR_TRY(const auto items, read_heartbeats(request.body, BodyForm::Single));
  WEIR_CHECK(bound(claims, items.front().task_id, items.front().command.fence));
  const auto answers = api.tasks.heartbeat(items);
  if (!answers.front().ok()) return refused(answers.front(), request.request_id);
  Renewed renewed;
  if (api.mint.ends_soon(claims)) {
    WEIR_TRY(renewed.capability, api.tasks.renew(items.front().task_id));
  }
  return json_response(write_heartbeat(answers.front().reply, renewed));
}

Result<HttpResponse> complete(InternalApi& api, const Claims& claims, const HttpRequest& request) {
  WEIR_TRY(const auto items, read_completions(request.body, BodyForm::Single));
  WEIR_CHECK(bound(claims, items.front().task_id, items.front().command.fence));
  const auto answers = api.tasks.complete(items);
  if (!answers.front().ok()) return refused(answers.front(), request.request_id);
  return json_response(write_completion(answers.front().reply));
}

Result<HttpResponse> events(InternalApi& api, const Claims& claims, const HttpRequest& request) {
  WEIR_TRY(const AcceptDraft draft, read_events(request.body));
  WEIR_CHECK(bound(claims, draft.task_id, draft.fence));
  WEIR_TRY(const auto answer, api.tasks.accept(draft));
  return answer_accepted(answer, request.request_id);
}

Result<HttpResponse> operator_state(InternalApi& api, const Claims& claims,
                                    const HttpRequest& request) {
  WEIR_TRY(const StateRead read, read_state_read(request.body));
  WEIR_CHECK(bound(claims, read.task_id, read.fence));
  WEIR_TRY(const auto answer, api.tasks.read_state(read));
  return answer_state(answer, request.request_id);
}

/// At most kTaskRequestsPerSecond of one attempt (section 3.4): a bucket an attempt, forgotten when
/// it is full again.
class TaskRates {
 public:
  bool admit(const auth::AttemptRef& attempt, Duration now) WEIR_EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    if (buckets_.size() >= kTaskBucketsMax) forget_full(now);
    Bucket& bucket = buckets_.try_emplace({attempt.task_id, attempt.attempt}, now).first->second;
    bucket.refill(now);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

 private:
  struct Bucket {
    explicit Bucket(Duration now) : at(now) {}
    void refill(Duration now) {
      tokens = std::min<double>(
          kTaskRequestsPerSecond,
          tokens + std::chrono::duration<double>(now - at).count() * kTaskRequestsPerSecond);
      at = now;
    }
    double tokens = kTaskRequestsPerSecond;
    Duration at;
  };

  void forget_full(Duration now) WEIR_REQUIRES(mutex_) {
    for (auto at = buckets_.begin(); at != buckets_.end();) {
      at->second.refill(now);
      at = at->second.tokens >= kTaskRequestsPerSecond ? buckets_.erase(at) : std::next(at);
    }
  }

  base::Mutex mutex_;
  std::map<std::pair<Uuid, std::int32_t>, Bucket> buckets_ WEIR_GUARDED_BY(mutex_);
};

server::HttpHandler behind_capability(InternalApi& api, std::shared_ptr<TaskRates> rates,
                                      TaskRoute route) {
  return
      [&api, rates = std::move(rates), route](const HttpRequest& request) -> Result<HttpResponse> {
        const auto claims = api.mint.verify(request.header(kCapabilityHeader).value_or(""));
        if (!claims.ok()) {
          api.denied(request, claims.error());
          return problem_response(claims.error(), request.request_id);
        }
        if (!rates->admit(claims->bound_to, api.clock.monotonic())) {
          return problem_response(Error(Code::ResourceExhausted, "rate_limited",
                                        "more than 50 requests a second for one attempt"),
                                  request.request_id);
        }
        auto response = route(api, *claims, request);
        if (response.ok()) return response;
        if (response.error().code() == Code::PermissionDenied)
          api.denied(request, response.error());
        return problem_response(response.error(), request.request_id);
      };
}

}  // namespace

void add_task_routes(server::Router& router, InternalApi& api) {
  const auto rates = std::make_shared<TaskRates>();
  const auto add = [&](const char* path, TaskRoute route, std::size_t bytes_max) {
    router.add({.method = "POST",
                .path = path,
                .handler = behind_capability(api, rates, route),
                .body_bytes_max = bytes_max});
  };
  add("/v1/task/heartbeat", heartbeat, kBatchBodyBytes);
  add("/v1/task/complete", complete, kBatchBodyBytes);
  add("/v1/task/events", events, kEventsBodyBytes);
  add("/v1/task/operator-state", operator_state, kBatchBodyBytes);
}

}  // namespace weir::dispatcher
