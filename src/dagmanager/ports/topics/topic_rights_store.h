// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/topics/topic_rights.h"

namespace weir::dagmanager {

/// Port: rights on topics, as a broker's authorizer keeps them (contract section 3.25). Any thread.
///
/// Faults: UNAVAILABLE `broker_unavailable`; of every call FAILED_PRECONDITION `acl_unavailable`
/// where nobody keeps rights, PERMISSION_DENIED `acl_unavailable` where this login may not.
class TopicRightsStore {
 public:
  virtual ~TopicRightsStore() = default;

  /// What is allowed on topics by their very names, in no order; may lag behind a change. Other
  /// things that an authorizer may hold, denials say, are left out, and left alone.
  virtual Result<std::vector<TopicRight>> list() = 0;

  /// Safe to repeat; a topic need not be there.
  virtual Result<void> grant(std::span<const TopicRight> rights) = 0;
  /// Likewise.
  virtual Result<void> revoke(std::span<const TopicRight> rights) = 0;
  /// Whatever anybody was given or denied on topics by these very names.
  virtual Result<void> revoke_all(std::span<const graph::TopicName> topics) = 0;
};

}  // namespace weir::dagmanager
