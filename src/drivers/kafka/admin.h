// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

namespace weir::kafka {

/// A topic to make. `config` has what is not to be the broker's default.
struct NewTopic {
  std::string name;
  int partitions = 1;
  int replication = 1;
  std::map<std::string, std::string> config = {};
};

/// How a broker answered for one topic.
enum class TopicAnswer : std::uint8_t {
  Done,
  AlreadyThere,  ///< a topic of that name, or of one that Kafka takes for the same: `.` is `_`
  NotThere,
  Unknown,  ///< not in time: it may or may not have been done
  Refused,  ///< never: its name, shape or settings
  Denied,   ///< this login may not
  Failed,   ///< not now: too few brokers, the controller moved
};
struct TopicResult {
  TopicAnswer answer = TopicAnswer::Done;
  std::string message = {};  ///< the broker's words
};

/// A topic as a broker's metadata shows it.
struct Topic {
  std::string name;
  int partitions = 0;
  int replication = 0;  ///< of its first partition; 0: it has none yet
};

/// The first offset of a partition, and the one that the next message gets.
struct PartitionEnds {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

struct Cluster {
  std::vector<Topic> topics;  ///< by name, without Kafka's own
  int brokers = 0;
};

/// One setting of a topic.
struct ConfigValue {
  std::string value;
  bool is_default = false;  ///< nobody set it for this topic
};
using TopicConfig = std::map<std::string, ConfigValue>;

/// Administration of topics. Each call waits for its answers on the caller's thread, up to the
/// client's `call_timeout` in all, and splits what is too many for one request. Errors are
/// `client_error`'s: of a call that fails as a whole nobody knows what it did.
class Admin {
 public:
  /// The client outlives the admin.
  explicit Admin(Client& client) : client_(client) {}

  /// An answer a topic, in order; a name must not be there twice. The controller has committed what
  /// it says is made; each broker's metadata show it some time later.
  Result<std::vector<TopicResult>> create(std::span<const NewTopic> topics) const;
  /// An answer a topic, in order; likewise.
  Result<std::vector<TopicResult>> remove(std::span<const std::string> topics) const;
  /// What some broker knows now.
  Result<Cluster> cluster() const;
  /// The settings of topics, in order; nothing for one that the asked broker does not know.
  Result<std::vector<std::optional<TopicConfig>>> configs(
      std::span<const std::string> topics) const;
  /// The ends of each partition of each topic, in order. NOT_FOUND is no error of it: a topic that
  /// went meanwhile fails the call.
  Result<std::vector<std::vector<PartitionEnds>>> watermarks(std::span<const Topic> topics) const;
  /// Messages a topic holds: high minus low watermark over all its partitions, in order.
  Result<std::vector<std::int64_t>> sizes(std::span<const Topic> topics) const;

 private:
  Client& client_;
};

}  // namespace weir::kafka
