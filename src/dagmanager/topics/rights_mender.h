// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/principal_store.h"
#include "dagmanager/ports/topics/topic_rights_store.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"

namespace weir::dagmanager {

/// The reconciler's row `acl` (contract section 3.19): rights on topics other than configured. What
/// lacks is given; of what is too much only what Weir has ever given is taken. That is also what
/// heals a topic that was made by a process which died before it gave the rights, and takes those
/// that were given on a topic while it was deleted.
class RightsMender {
 public:
  /// All outlive the mender.
  struct Parts {
    TopicUpkeepStore& upkeep;
    PrincipalStore& principals;
    TopicRightsStore& rights;
    const TopicAcls& acls;
  };

  explicit RightsMender(Parts parts) : parts_(parts) {}

  /// What is to be mended, by topic; at most `limit`. `owned`: topics of queues; `listed`: what the
  /// broker had right before. Without an authorizer nothing is.
  Result<std::map<graph::TopicName, RightsMend>> find(std::span<const graph::TopicName> owned,
                                                      const std::vector<TopicSeen>& listed,
                                                      std::size_t limit);
  /// Mends that, in bounded calls. May be repeated.
  Result<void> mend(const std::map<graph::TopicName, RightsMend>& mends);
  /// Forgets whom nothing is left of, as of the last find(), and who is not configured.
  Result<void> forget(const LoopFence& fence);

 private:
  Result<std::vector<graph::TopicName>> left_behind(std::span<const TopicRight> found,
                                                    const std::vector<TopicSeen>& listed);

  const Parts parts_;
  std::vector<std::string> ours_ = {};  // as of the last find()
  std::set<graph::TopicName> left_before_ = {};
  std::vector<std::string> unused_ = {};  // of these, who had nothing and is to have nothing
};

}  // namespace weir::dagmanager
