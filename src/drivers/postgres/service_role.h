// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

/// Roles that services work as: made once a server, given exactly the rights that are listed, taken
/// on by whichever login may. They own nothing.
namespace weir::postgres {

class Connection;

/// One right on one object of a schema. `EXECUTE` is on a function, which is named with the types
/// of its arguments; `USAGE` on a sequence; all others on a table or view.
struct Right {
  std::string_view object;
  std::string_view privilege;
};

/// A role, and what it may do in one schema. Everything here comes from the program, not from
/// users: the names go into SQL as they are.
struct ServiceRole {
  std::string name;
  std::string schema;
  std::span<const Right> rights = {};
  /// What its sessions start with when a login is this very role (ALTER ROLE … SET); written when
  /// the role is made.
  std::span<const std::pair<std::string_view, std::string_view>> settings = {};
};

/// What is said of a login.
struct LoginStanding {
  bool may_make_roles = false;
  bool unlimited = false;  ///< a superuser, or row level security does not bind it
  std::string durability;  ///< what a crash could lose commits by; empty: nothing
};
Result<LoginStanding> read_login_standing(Connection& connection);

/// What became of a role.
struct RoleReport {
  bool exists = false;
  bool may_take_on = false;  ///< this login may work as the role
  bool complete = false;     ///< the role has all its rights
  std::string failure;       ///< why the last try to make or grant failed; empty: it did not
};

/// Makes the role where there is none, gives it those of its rights that it lacks, and lets this
/// login take it on; as far as this login may. Any number of processes may call it at once. If
/// nothing is to be done it only reads.
Result<RoleReport> prepare_service_role(Connection& connection, const ServiceRole& role);

}  // namespace weir::postgres
