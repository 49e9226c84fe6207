// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/kafka_topic_rights.h"

#include <string>
#include <utility>

namespace weir::dagmanager {
namespace {

Error rights_error(const Error& error) {
  switch (error.code()) {
    case Code::FailedPrecondition:
    case Code::PermissionDenied:
      return {error.code(), "acl_unavailable", error.message()};
    default:
      return base::unavailable("broker_unavailable", error.message());
  }
}

template <class T>
Result<T> rights_outcome(Result<T> result) {
  if (result.ok()) return result;
  return rights_error(result.error());
}

kafka::AclOperation operation_of(RightKind kind) {
  switch (kind) {
    case RightKind::Read:
      return kafka::AclOperation::Read;
    case RightKind::Write:
      return kafka::AclOperation::Write;
    case RightKind::Describe:
      break;
  }
  return kafka::AclOperation::Describe;
}

std::vector<kafka::Acl> acls_of(std::span<const TopicRight> rights) {
  std::vector<kafka::Acl> acls;
  acls.reserve(rights.size());
  for (const TopicRight& right : rights) {
    acls.push_back({right.topic.text(), right.principal, operation_of(right.kind)});
  }
  return acls;
}

}  // namespace

Result<std::vector<TopicRight>> KafkaTopicRights::list() {
  auto acls = acls_.list();
  if (!acls.ok()) return rights_error(acls.error());
  std::vector<TopicRight> rights;
  rights.reserve(acls->size());
  for (kafka::Acl& acl : *acls) {
    RightKind kind = RightKind::Describe;
    if (acl.operation == kafka::AclOperation::Other) continue;
    if (acl.operation == kafka::AclOperation::Read) kind = RightKind::Read;
    if (acl.operation == kafka::AclOperation::Write) kind = RightKind::Write;
    rights.push_back({graph::TopicName(std::move(acl.topic)), std::move(acl.principal), kind});
  }
  return rights;
}

Result<void> KafkaTopicRights::grant(std::span<const TopicRight> rights) {
  return rights_outcome(acls_.add(acls_of(rights)));
}

Result<void> KafkaTopicRights::revoke(std::span<const TopicRight> rights) {
  return rights_outcome(acls_.remove(acls_of(rights)));
}

Result<void> KafkaTopicRights::revoke_all(std::span<const graph::TopicName> topics) {
  std::vector<std::string> names;
  names.reserve(topics.size());
  for (const graph::TopicName& topic : topics) names.push_back(topic.text());
  return rights_outcome(acls_.remove_all(names));
}

}  // namespace weir::dagmanager
