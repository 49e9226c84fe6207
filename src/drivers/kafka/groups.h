// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

namespace weir::kafka {

/// Where a group goes on in a partition.
struct CommittedOffset {
  std::string topic;
  int partition = 0;
  std::int64_t offset = 0;
};

/// Consumer groups and what they have committed. Each call waits on the caller's thread, up to the
/// client's `call_timeout`; errors are client_error's.
class Groups {
 public:
  /// The client outlives it.
  explicit Groups(Client& client) : client_(client) {}

  /// Those that this login may see, by name.
  Result<std::vector<std::string>> list() const;
  /// All partitions that the group has an offset of; none of a group that is not there.
  Result<std::vector<CommittedOffset>> committed(const std::string& group) const;

 private:
  Client& client_;
};

}  // namespace weir::kafka
