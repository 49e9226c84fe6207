// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "dagmanager/ports/topics/topic_rights_store.h"

namespace weir::dagmanager {

/// At the start: whether the broker keeps the rights that are configured, and this login may alter
/// them (contract section 3.25).
/// Gives the warning there is to show, if any. Profile prod does not start with rights that cannot
/// be had: FAILED_PRECONDITION `acl_unavailable`. A broker that does not answer is asked by the
/// reconciler. `rights`: null where topics are not on brokers.
Result<std::optional<std::string>> check_rights(TopicRightsStore* rights, const TopicAcls& acls,
                                                bool prod);

}  // namespace weir::dagmanager
