// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/calls.h"

#include <array>
#include <string>

#include "drivers/kafka/limits.h"

namespace weir::kafka {
namespace {

/// Requests that go to the controller, which is to wait for its own quorum; without a time it is
/// told not to, and says it is late.
bool changes_topics(rd_kafka_admin_op_t operation) {
  return operation == RD_KAFKA_ADMIN_OP_CREATETOPICS || operation == RD_KAFKA_ADMIN_OP_DELETETOPICS;
}

}  // namespace

bool is_without_leader(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

bool passes_by(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
      return true;
    default:
      return is_without_leader(code);
  }
}

Result<AdminOptions> options_for(rd_kafka_t* handle, rd_kafka_admin_op_t operation,
                                 const Deadline& deadline) {
  AdminOptions options(rd_kafka_AdminOptions_new(handle, operation));
  std::array<char, kReasonBytesMax> why{};
  auto set = rd_kafka_AdminOptions_set_request_timeout(options.get(), deadline.milliseconds(),
                                                       why.data(), why.size());
  if (set == RD_KAFKA_RESP_ERR_NO_ERROR && changes_topics(operation)) {
    set = rd_kafka_AdminOptions_set_operation_timeout(options.get(), deadline.milliseconds(),
                                                      why.data(), why.size());
  }
  if (set != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return base::internal(std::string("options of a Kafka call: ") + why.data());
  }
  return options;
}

Result<Event> answer(rd_kafka_queue_t* queue, const Deadline& deadline,
                     std::string_view attempted) {
  static constexpr int kGraceMilliseconds = 1'000;
  Event event(rd_kafka_queue_poll(queue, deadline.milliseconds() + kGraceMilliseconds));
  if (!event) return client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, attempted);
  if (const auto failed = rd_kafka_event_error(event.get()); failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* words = rd_kafka_event_error_string(event.get());
    return client_error(failed, attempted, words == nullptr ? "" : words);
  }
  return event;
}

}  // namespace weir::kafka
