// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Who may do what (section 3.1), as a table: each role may what the ones before it may.
namespace weir::auth {

enum class Role : std::uint8_t { Reader, Writer, Admin };

enum class Action : std::uint8_t {
  Read,  ///< every GET but audit
  FollowEvents,
  Query,
  Validate,
  Deploy,
  Activate,
  RollBack,
  Promote,
  ManageWorlds,
  RunChecks,
  ManageBundles,
  RunManually,
  Invalidate,
  RetryTask,
  CancelTask,
  ManageAlerts,
  PauseAndResume,
  Purge,
  WaiveChecks,
  ManageUsers,
  ManageReadRoles,
  ReadPersonalColumns,
  ManageWorkerTokens,
  RegisterOperators,
  ReadAudit,
};

struct Right {
  Action action;
  std::string_view word;  ///< for audit rows and messages
  Role least;             ///< the lowest role that may
};

inline constexpr std::array kRights = {
    Right{Action::Read, "read", Role::Reader},
    Right{Action::FollowEvents, "follow_events", Role::Reader},
    Right{Action::Query, "query", Role::Reader},
    Right{Action::Validate, "validate", Role::Writer},
    Right{Action::Deploy, "deploy", Role::Writer},
    Right{Action::Activate, "activate", Role::Writer},
    Right{Action::RollBack, "roll_back", Role::Writer},
    Right{Action::Promote, "promote", Role::Writer},
    Right{Action::ManageWorlds, "manage_worlds", Role::Writer},
    Right{Action::RunChecks, "run_checks", Role::Writer},
    Right{Action::ManageBundles, "manage_bundles", Role::Writer},
    Right{Action::RunManually, "run_manually", Role::Writer},
    Right{Action::Invalidate, "invalidate", Role::Writer},
    Right{Action::RetryTask, "retry_task", Role::Writer},
    Right{Action::CancelTask, "cancel_task", Role::Writer},
    Right{Action::ManageAlerts, "manage_alerts", Role::Writer},
    Right{Action::PauseAndResume, "pause_and_resume", Role::Admin},
    Right{Action::Purge, "purge", Role::Admin},
    Right{Action::WaiveChecks, "waive_checks", Role::Admin},
    Right{Action::ManageUsers, "manage_users", Role::Admin},
    Right{Action::ManageReadRoles, "manage_read_roles", Role::Admin},
    Right{Action::ReadPersonalColumns, "read_personal_columns", Role::Admin},
    Right{Action::ManageWorkerTokens, "manage_worker_tokens", Role::Admin},
    Right{Action::RegisterOperators, "register_operators", Role::Admin},
    Right{Action::ReadAudit, "read_audit", Role::Admin},
};

/// The table is in the order of the actions, so that each is found by its number.
constexpr bool rights_are_in_order() {
  for (std::size_t at = 0; at < kRights.size(); ++at) {
    if (static_cast<std::size_t>(kRights[at].action) != at) return false;
  }
  return kRights.back().action == Action::ReadAudit;
}
static_assert(rights_are_in_order());

constexpr const Right& right_of(Action action) {
  return kRights.at(static_cast<std::size_t>(action));
}

constexpr bool may(Role role, Action action) { return role >= right_of(action).least; }

/// `reader`, `writer`, `admin`: the words of the database.
constexpr std::string_view role_word(Role role) {
  if (role == Role::Reader) return "reader";
  return role == Role::Writer ? "writer" : "admin";
}

constexpr std::optional<Role> role_from(std::string_view word) {
  for (const Role role : {Role::Reader, Role::Writer, Role::Admin}) {
    if (role_word(role) == word) return role;
  }
  return std::nullopt;
}

}  // namespace weir::auth
