// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/rights_check.h"

namespace weir::dagmanager {
namespace {

constexpr const char* kUnavailable = "acl_unavailable";

/// Of a name that no topic has: to take what nobody was given needs the right to.
constexpr const char* kNobodysTopic = "__weir_no_topic";

/// Another fault is one of the moment.
template <class T>
Result<void> unless_unavailable(const Result<T>& asked) {
  if (asked.ok() || asked.error().reason() != kUnavailable) return {};
  return asked.error();
}

Result<void> look(TopicRightsStore* rights, bool configured) {
  if (rights != nullptr) {
    WEIR_CHECK(unless_unavailable(rights->list()));
    if (!configured) return {};
    const graph::TopicName nobodys(kNobodysTopic);
    return unless_unavailable(rights->revoke_all({&nobodys, 1}));
  }
  if (!configured) return {};
  return base::failed_precondition(kUnavailable, "topics are not on a Kafka cluster");
}

}  // namespace

Result<std::optional<std::string>> check_rights(TopicRightsStore* rights, const TopicAcls& acls,
                                                bool prod) {
  const bool configured = !acls.empty();
  const Result<void> kept = look(rights, configured);
  if (kept.ok()) return std::optional<std::string>();
  if (configured && prod) {
    return Error(kept.error())
        .prepend(
            "acl.readers and acl.writers cannot be had: give the broker an authorizer and this "
            "login the rights to alter the cluster, or take the keys out");
  }
  if (configured) {
    return std::optional("acl.readers and acl.writers have no effect: " + kept.error().message());
  }
  // This login may not look; somebody keeps rights.
  if (kept.error().code() == Code::PermissionDenied) return std::optional<std::string>();
  return std::optional<std::string>(
      "the broker has no authorizer: whoever reaches it may read and write every topic");
}

}  // namespace weir::dagmanager
