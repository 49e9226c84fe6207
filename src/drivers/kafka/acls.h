// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/kafka/client.h"

namespace weir::kafka {

enum class AclOperation : std::uint8_t { Read, Write, Describe, Other };

/// A right that a principal has, from any host, on the topic of this very name.
struct Acl {
  std::string topic;
  std::string principal;  ///< `User:name`
  AclOperation operation = AclOperation::Read;

  friend auto operator<=>(const Acl&, const Acl&) = default;
};

/// Rights on topics, as the cluster's authorizer keeps them. Each call waits on the caller's
/// thread, up to the client's `call_timeout` in all, and splits what is too many for one request.
/// Errors are client_error's; `kafka_no_authorizer` of every call where the brokers ask nobody.
class Acls {
 public:
  /// The client outlives it.
  explicit Acls(Client& client) : client_(client) {}

  /// What is allowed by name and from any host, in no order. Denials, and what is said of names
  /// that begin alike or of single hosts, are not among it.
  Result<std::vector<Acl>> list() const;
  /// Safe to repeat. The controller has committed it; brokers go by it some time later.
  Result<void> add(std::span<const Acl> acls) const;
  /// Just these, where they are; likewise.
  Result<void> remove(std::span<const Acl> acls) const;
  /// Whatever is said of the topics of these very names, of whomever.
  Result<void> remove_all(std::span<const std::string> topics) const;

 private:
  Result<void> may_be_empty() const;

  Client& client_;
};

}  // namespace weir::kafka
