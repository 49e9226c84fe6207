// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/kafka/client.h"

/// What the calls of this driver share; of librdkafka, so nobody outside includes it.
namespace weir::kafka {

template <auto Free>
struct Destroy {
  template <typename T>
  void operator()(T* one) const {
    Free(one);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, Destroy<Free>>;

using AdminOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using EventQueue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using Partitions = Owned<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

/// The time that a call has left.
class Deadline {
 public:
  explicit Deadline(const Client& client)
      : clock_(client.clock()), end_(clock_.monotonic() + client.call_timeout()) {}

  int milliseconds() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - clock_.monotonic());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 1));
  }
  void sleep_for(Duration span) const { clock_.sleep_for(span); }

 private:
  Clock& clock_;
  Duration end_;
};

/// A partition's leader goes, or is not chosen yet; another try finds the next.
bool is_without_leader(rd_kafka_resp_err_t code);
/// What librdkafka tells a consumer of and mends by itself: also a broker that is away.
bool passes_by(rd_kafka_resp_err_t code);

/// Options of an admin request that ends by the deadline.
Result<AdminOptions> options_for(rd_kafka_t* handle, rd_kafka_admin_op_t operation,
                                 const Deadline& deadline);

/// Waits for the one answer of a request. librdkafka answers each within its own time-out; that it
/// does not is a fault of the same kind.
Result<Event> answer(rd_kafka_queue_t* queue, const Deadline& deadline, std::string_view attempted);

}  // namespace weir::kafka
