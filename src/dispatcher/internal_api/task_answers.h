// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/tasks/task_service.h"
#include "server/http/http_message.h"

/// Answers of the internal and the task listener (contract sections 3.3 and 3.4) as JSON texts.
namespace weir::dispatcher {

/// A token that a heartbeat brings along.
struct Renewed {
  std::optional<Capability> capability;
};

/// 200 with a JSON body.
server::HttpResponse json_response(std::string body);

std::string write_claim(const Assignments& assignments, std::string_view request_id);
std::string write_heartbeats(std::span<const TaskItem<HeartbeatCommand>> items,
                             std::span<const Answer<HeartbeatReply>> answers,
                             std::span<const Renewed> renewed, std::string_view request_id);
std::string write_completions(std::span<const TaskItem<CompleteCommand>> items,
                              std::span<const Answer<CompleteReply>> answers,
                              std::string_view request_id);
std::string write_heartbeat(const HeartbeatReply& reply, const Renewed& renewed);
std::string write_completion(const CompleteReply& reply);
std::string write_accepted(const AcceptReply& reply);
std::string write_look(const TaskService::Look& look);
/// `claim`: what write_claim made, or empty.
std::string write_wakeups(std::span<const ReceivedWakeup> messages, std::size_t acked,
                          std::string_view claim);

}  // namespace weir::dispatcher
