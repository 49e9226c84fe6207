// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/worker/fake_dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/uuid.h"

namespace weir::worker {
namespace {

constexpr std::chrono::seconds kWaitMax{30};

Result<DispatcherPort::Reply> answer(const nlohmann::json& body) {
  return DispatcherPort::Reply{200, body.dump()};
}

}  // namespace

std::string FakeDispatcher::add(const std::string& op, const Json& changes) {
  Uuid id;
  const std::size_t number = tasks_.size() + 1;
  id.bytes[0] = 0x0a;
  id.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
  id.bytes[15] = static_cast<std::uint8_t>(number);
  const std::string nil = Uuid{}.text();
  Task task;
  task.payload = {{"task_id", id.text()},
                  {"attempt", 1},
                  {"kind", "reactive"},
                  {"class", "live"},
                  {"effects", "fire"},
                  {"org_id", nil},
                  {"dag_name", "test"},
                  {"dag_version_id", nil},
                  {"build_id", nil},
                  {"world", "live"},
                  {"fence_no", number},
                  {"job", "job"},
                  {"operator", op},
                  {"operator_version", "1"},
                  {"runtime", "ecs_platform"},
                  {"config", Json::object()},
                  {"execution_strategy", "PerUpdate"},
                  {"update_strategy", "replace"},
                  {"unique_key", nullptr},
                  {"heartbeat_interval_seconds", heartbeat_seconds},
                  {"max_attempts", 3},
                  {"trigger", nullptr},
                  {"scope", Json::object()},
                  {"invalidation", nullptr},
                  {"inputs", Json::array()},
                  {"outputs", Json::array()},
                  {"udf", nullptr},
                  {"endpoints", {{"task_api", ""}, {"query_api", ""}}}};
  task.payload.update(changes);
  tasks_[id.text()] = std::move(task);
  return id.text();
}

std::string FakeDispatcher::add_task(const std::string& op, const Json& changes) {
  const base::MutexLock lock(mutex_);
  std::string id = add(op, changes);
  wakeups_.push_back(id);
  changed_.notify_all();
  return id;
}

std::string FakeDispatcher::add_silent_task(const std::string& op, const Json& changes) {
  const base::MutexLock lock(mutex_);
  return add(op, changes);
}

void FakeDispatcher::set_away(bool away) {
  const base::MutexLock lock(mutex_);
  away_ = away;
  changed_.notify_all();
}

void FakeDispatcher::lose_reply(const std::string& path) {
  const base::MutexLock lock(mutex_);
  ++lost_[path];
}

void FakeDispatcher::cancel(const std::string& task_id, const std::string& reason) {
  const base::MutexLock lock(mutex_);
  tasks_[task_id].cancel_reason = reason;
}

void FakeDispatcher::fence(const std::string& task_id) {
  const base::MutexLock lock(mutex_);
  tasks_[task_id].lease_token = "another";
}

FakeDispatcher::Json FakeDispatcher::completion(const std::string& task_id) {
  wait([&](const FakeDispatcher& self) { return !self.tasks_.at(task_id).completion.is_null(); });
  const base::MutexLock lock(mutex_);
  return tasks_.at(task_id).completion;
}

bool FakeDispatcher::wait(const std::function<bool(const FakeDispatcher&)>& condition) {
  const auto until = std::chrono::steady_clock::now() + kWaitMax;
  const base::MutexLock lock(mutex_);
  while (!condition(*this)) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return false;
    changed_.wait_for(mutex_, left);
  }
  return true;
}

int FakeDispatcher::requests(const std::string& path) const {
  const auto found = requests_.find(path);
  return found == requests_.end() ? 0 : found->second;
}

bool FakeDispatcher::is_running(const std::string& task_id) const {
  return tasks_.at(task_id).state == "running";
}

std::size_t FakeDispatcher::running() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      tasks_, [](const auto& entry) { return entry.second.state == "running"; }));
}

std::size_t FakeDispatcher::attempts(const std::string& task_id) const {
  return tasks_.at(task_id).claims;
}

Result<DispatcherPort::Reply> FakeDispatcher::post(std::string_view path, std::string body,
                                                   Duration) {
  const base::MutexLock lock(mutex_);
  const std::string name(path);
  if (requests_.empty()) first_request_ = name;
  ++requests_[name];
  changed_.notify_all();
  if (away_) return base::unavailable("http_unreachable", "away");
  const Json request = Json::parse(body);
  Json reply;
  if (name == "/internal/task-claim") reply = claim(request);
  if (name == "/internal/heartbeat") reply = heartbeat(request);
  if (name == "/internal/task-complete") reply = complete(request);
  if (name == "/internal/events") {
    if (fenced(request) == nullptr) {
      return Reply{409, fault(request, "stale_attempt")["problem"].dump()};
    }
    events_.push_back(request);
    reply = {{"results", Json::array({{{"index", 0}, {"seq", events_.size()}}})}};
  }
  if (name == "/internal/operator-state") reply = {{"state", {{"a", 1}}}, {"revision", 4}};
  changed_.notify_all();
  if (take_lost(name)) return base::unavailable("http_reply_lost", "lost");
  return answer(reply);
}

Result<DispatcherPort::Reply> FakeDispatcher::poll(std::string_view path, std::string body,
                                                   Duration) {
  const base::MutexLock lock(mutex_);
  if (requests_.empty()) first_request_ = path;
  ++requests_[std::string(path)];
  changed_.notify_all();
  if (away_) return base::unavailable("http_unreachable", "away");
  const Json request = Json::parse(body);
  if (request.contains("claim") && poll_claims == PollClaims::Refused) {
    return Reply{400, R"({"code":"invalid_request"})"};
  }
  acks_ += request["ack"].size();
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::seconds(request["wait_seconds"].get<int>());
  while (wakeups_.empty() && !polls_over_ && !away_) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    changed_.wait_for(mutex_, left);
  }
  if (polls_over_) return Error(Code::Cancelled, "http_cancelled", "over");
  Json messages = Json::array();
  while (!wakeups_.empty() && messages.size() < request["max"].get<std::size_t>()) {
    messages.push_back({{"queue", request["queues"][0]},
                        {"message_id", wakeups_.front()},
                        {"receipt", 1},
                        {"payload", {{"task_id", wakeups_.front()}}}});
    wakeups_.pop_front();
  }
  Json reply = {{"messages", messages}, {"acked", request["ack"].size()}};
  if (!messages.empty() && request.contains("claim") && poll_claims == PollClaims::Made) {
    Json named = {{"claim_id", request["claim"]["claim_id"]}, {"task_ids", Json::array()}};
    for (const Json& message : messages) named["task_ids"].push_back(message["message_id"]);
    reply["claim"] = claim(named);
  }
  if (take_lost(std::string(path))) return base::unavailable("http_reply_lost", "lost");
  return answer(reply);
}

void FakeDispatcher::cancel_polls() {
  const base::MutexLock lock(mutex_);
  polls_over_ = true;
  changed_.notify_all();
}

FakeDispatcher::Json FakeDispatcher::claim(const Json& body) {
  Json results = Json::array();
  const std::string claim_id = body["claim_id"];
  for (auto& [id, task] : tasks_) {
    if (task.claim_id == claim_id && task.state == "running") {
      results.push_back(lease(task, claim_id, true));
    }
  }
  if (!results.empty()) return {{"results", results}, {"more", false}};
  for (const Json& named : body["task_ids"]) {
    Task& task = tasks_.at(named.get<std::string>());
    results.push_back(task.state == "queued" ? lease(task, claim_id, false)
                                             : fault({{"task_id", named}}, "not_claimed"));
  }
  bool more = false;
  for (auto& [id, task] : tasks_) {
    if (!body.contains("max") || task.state != "queued") continue;
    more = results.size() >= body["max"].get<std::size_t>();
    if (more) break;
    results.push_back(lease(task, claim_id, false));
  }
  return {{"results", results}, {"more", more}};
}

FakeDispatcher::Json FakeDispatcher::lease(Task& task, const std::string& claim_id,
                                           bool duplicate) {
  if (!duplicate) {
    task.state = "running";
    task.claim_id = claim_id;
    task.lease_token = "lease-" + std::to_string(++task.claims);
  }
  return {{"task_id", task.payload["task_id"]},
          {"attempt", task.payload["attempt"]},
          {"result",
           {{"lease_token", task.lease_token},
            {"fence_no", task.payload["fence_no"]},
            {"lease_expires_at", "2026-01-01T00:00:00.000Z"},
            {"heartbeat_interval_seconds", heartbeat_seconds},
            {"capability_token", "capability-canary"},
            {"duplicate", duplicate},
            {"task", task.payload}}}};
}

FakeDispatcher::Json FakeDispatcher::fault(const Json& item, const std::string& code) const {
  return {{"task_id", item["task_id"]}, {"problem", {{"status", 409}, {"code", code}}}};
}

const FakeDispatcher::Task* FakeDispatcher::fenced(const Json& item) const {
  const auto found = tasks_.find(item["task_id"].get<std::string>());
  if (found == tasks_.end() || found->second.lease_token != item["lease_token"].get<std::string>())
    return nullptr;
  return &found->second;
}

FakeDispatcher::Json FakeDispatcher::heartbeat(const Json& body) {
  Json results = Json::array();
  for (const Json& item : body["heartbeats"]) {
    beats_.push_back(item);
    const Task* task = fenced(item);
    if (task == nullptr) {
      results.push_back(fault(item, "stale_attempt"));
      continue;
    }
    Json result = {{"status", task->cancel_reason.empty() ? "running" : "canceled"},
                   {"paused", false},
                   {"lease_expires_at", "2026-01-01T00:01:00.000Z"}};
    if (!task->cancel_reason.empty()) result["cancel_reason"] = task->cancel_reason;
    results.push_back({{"task_id", item["task_id"]}, {"result", result}});
  }
  return {{"results", results}};
}

FakeDispatcher::Json FakeDispatcher::complete(const Json& body) {
  Json results = Json::array();
  for (const Json& item : body["completions"]) {
    if (fenced(item) == nullptr) {
      results.push_back(fault(item, "stale_attempt"));
      continue;
    }
    Task& task = tasks_.at(item["task_id"].get<std::string>());
    const bool duplicate = !task.completion.is_null();
    task.completion = item;
    task.state = "over";
    results.push_back(
        {{"task_id", item["task_id"]}, {"result", {{"status", "over"}, {"duplicate", duplicate}}}});
  }
  return {{"results", results}};
}

bool FakeDispatcher::take_lost(const std::string& path) {
  const auto found = lost_.find(path);
  if (found == lost_.end() || found->second == 0) return false;
  --found->second;
  return true;
}

}  // namespace weir::worker
