// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/acls.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "drivers/kafka/calls.h"
#include "drivers/kafka/limits.h"

namespace weir::kafka {
namespace {

using Binding = Owned<rd_kafka_AclBinding_t, rd_kafka_AclBinding_destroy>;
using Bindings = std::vector<Binding>;

constexpr const char* kAnyHost = "*";

rd_kafka_AclOperation_t operation_of(AclOperation operation) {
  switch (operation) {
    case AclOperation::Read:
      return RD_KAFKA_ACL_OPERATION_READ;
    case AclOperation::Write:
      return RD_KAFKA_ACL_OPERATION_WRITE;
    case AclOperation::Describe:
      return RD_KAFKA_ACL_OPERATION_DESCRIBE;
    case AclOperation::Other:
      break;
  }
  return RD_KAFKA_ACL_OPERATION_UNKNOWN;
}

AclOperation operation_as(rd_kafka_AclOperation_t operation) {
  switch (operation) {
    case RD_KAFKA_ACL_OPERATION_READ:
      return AclOperation::Read;
    case RD_KAFKA_ACL_OPERATION_WRITE:
      return AclOperation::Write;
    case RD_KAFKA_ACL_OPERATION_DESCRIBE:
      return AclOperation::Describe;
    default:
      return AclOperation::Other;
  }
}

/// Null names stand for all.
struct Filter {
  const char* topic = nullptr;
  const char* principal = nullptr;
  const char* host = nullptr;
  rd_kafka_AclOperation_t operation = RD_KAFKA_ACL_OPERATION_ANY;
  rd_kafka_AclPermissionType_t permission = RD_KAFKA_ACL_PERMISSION_TYPE_ANY;
};

Result<Binding> filter_for(const Filter& filter) {
  std::array<char, kReasonBytesMax> why{};
  Binding made(rd_kafka_AclBindingFilter_new(
      RD_KAFKA_RESOURCE_TOPIC, filter.topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, filter.principal,
      filter.host, filter.operation, filter.permission, why.data(), why.size()));
  if (!made) return base::internal(std::string("a filter of ACLs: ") + why.data());
  return made;
}

Result<Binding> binding_for(const Acl& acl) {
  std::array<char, kReasonBytesMax> why{};
  Binding made(rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, acl.topic.c_str(),
                                       RD_KAFKA_RESOURCE_PATTERN_LITERAL, acl.principal.c_str(),
                                       kAnyHost, operation_of(acl.operation),
                                       RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why.data(), why.size()));
  if (!made) {
    return base::invalid_argument(std::string(kError),
                                  "the right of " + acl.principal + ": " + why.data());
  }
  return made;
}

Result<void> judge(const rd_kafka_error_t* failed, std::string_view attempted) {
  if (failed == nullptr) return {};
  const char* words = rd_kafka_error_string(failed);
  return client_error(rd_kafka_error_code(failed), attempted, words == nullptr ? "" : words);
}

std::vector<rd_kafka_AclBinding_t*> plain(const Bindings& bindings) {
  std::vector<rd_kafka_AclBinding_t*> pointers;
  pointers.reserve(bindings.size());
  for (const Binding& one : bindings) pointers.push_back(one.get());
  return pointers;
}

Result<void> add_some(rd_kafka_t* handle, std::span<const Acl> acls, const Deadline& deadline) {
  constexpr std::string_view kAttempted = "give rights on topics";
  Bindings wanted;
  for (const Acl& acl : acls) {
    WEIR_TRY(Binding binding, binding_for(acl));
    wanted.push_back(std::move(binding));
  }
  auto pointers = plain(wanted);
  WEIR_TRY(const AdminOptions options, options_for(handle, RD_KAFKA_ADMIN_OP_CREATEACLS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_CreateAcls(handle, pointers.data(), pointers.size(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, kAttempted));
  std::size_t count = 0;
  const auto** results =
      rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event.get()), &count);
  for (const auto* result : std::span(results, count)) {
    WEIR_CHECK(judge(rd_kafka_acl_result_error(result), kAttempted));
  }
  return {};
}

Result<void> remove_some(rd_kafka_t* handle, const Bindings& filters, const Deadline& deadline) {
  constexpr std::string_view kAttempted = "take rights on topics";
  auto pointers = plain(filters);
  WEIR_TRY(const AdminOptions options, options_for(handle, RD_KAFKA_ADMIN_OP_DELETEACLS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_DeleteAcls(handle, pointers.data(), pointers.size(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, kAttempted));
  std::size_t count = 0;
  const auto** results =
      rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(event.get()), &count);
  for (const auto* result : std::span(results, count)) {
    WEIR_CHECK(judge(rd_kafka_DeleteAcls_result_response_error(result), kAttempted));
  }
  return {};
}

/// Calls `remove_some` with what `filter` makes of each, so many at a time.
template <class One, class Make>
Result<void> remove_by(Client& client, std::span<const One> ones, const Make& filter) {
  const Deadline deadline(client);
  for (std::size_t from = 0; from < ones.size(); from += kAclFiltersARequest) {
    Bindings filters;
    for (const One& one : ones.subspan(from, std::min(kAclFiltersARequest, ones.size() - from))) {
      WEIR_TRY(Binding made, filter_for(filter(one)));
      filters.push_back(std::move(made));
    }
    WEIR_CHECK(remove_some(client.handle(), filters, deadline));
  }
  return {};
}

}  // namespace

Result<std::vector<Acl>> Acls::list() const {
  const Deadline deadline(client_);
  rd_kafka_t* handle = client_.handle();
  WEIR_TRY(const Binding filter,
           filter_for({.host = kAnyHost, .permission = RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW}));
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_DESCRIBEACLS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_DescribeAcls(handle, filter.get(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "read the rights on topics"));
  std::size_t count = 0;
  const auto** found =
      rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event.get()), &count);
  std::vector<Acl> acls;
  acls.reserve(count);
  for (const auto* one : std::span(found, count)) {
    acls.push_back({.topic = rd_kafka_AclBinding_name(one),
                    .principal = rd_kafka_AclBinding_principal(one),
                    .operation = operation_as(rd_kafka_AclBinding_operation(one))});
  }
  if (acls.empty()) WEIR_CHECK(may_be_empty());
  return acls;
}

/// librdkafka takes a refusal of this one question, for want of an authorizer or of rights, for a
/// list of none. To take what nobody has it says what it is.
Result<void> Acls::may_be_empty() const {
  const std::vector<std::string> nobodys = {"__weir_no_topic"};
  const auto asked = remove_all(nobodys);
  if (asked.ok()) return {};
  const std::string& reason = asked.error().reason();
  if (reason != kNoAuthorizer && reason != kDenied) return {};
  return asked.error();
}

Result<void> Acls::add(std::span<const Acl> acls) const {
  const Deadline deadline(client_);
  for (std::size_t from = 0; from < acls.size(); from += kAclsARequest) {
    const auto some = acls.subspan(from, std::min(kAclsARequest, acls.size() - from));
    WEIR_CHECK(add_some(client_.handle(), some, deadline));
  }
  return {};
}

Result<void> Acls::remove(std::span<const Acl> acls) const {
  return remove_by(client_, acls, [](const Acl& acl) {
    return Filter{.topic = acl.topic.c_str(),
                  .principal = acl.principal.c_str(),
                  .host = kAnyHost,
                  .operation = operation_of(acl.operation),
                  .permission = RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW};
  });
}

Result<void> Acls::remove_all(std::span<const std::string> topics) const {
  return remove_by(client_, topics,
                   [](const std::string& topic) { return Filter{.topic = topic.c_str()}; });
}

}  // namespace weir::kafka
