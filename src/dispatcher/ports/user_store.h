// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "dispatcher/ports/dag_rows.h"
#include "server/auth/roles.h"

/// Who asks, what was asked, and what was answered to it before (contract sections 3.1, 3.5).
namespace weir::dispatcher {

/// A user as the database knows it: nothing here comes from a token.
struct Principal {
  UserId user_id;
  OrgId org_id;
  auth::Role role = auth::Role::Reader;

  friend bool operator==(const Principal&, const Principal&) = default;
};

enum class AuditDecision : std::uint8_t { Allow, Deny };

/// A row of `audit_log` about a user.
struct AuditEntry {
  std::optional<OrgId> org_id = {};  ///< nothing: of nobody's organisation
  std::string actor;                 ///< the user's id; `issuer|subject` of a stranger
  std::string action;                ///< a word of server/auth/roles.h
  std::string target;                ///< method and path
  AuditDecision decision = AuditDecision::Allow;
  std::optional<Uuid> request_id = {};
  std::string detail_json = "{}";
};

/// What an `Idempotency-Key` names, and what its request was.
struct RepeatKey {
  OrgId org_id;
  std::string route;  ///< method and path
  std::string key;
  std::array<std::byte, 32> request_sha256;
};

struct KeptAnswer {
  int status = 0;
  std::string body;
};

/// What to do with a request that has a key.
enum class Repeat : std::uint8_t {
  First,     ///< carry it out, then keep() or release()
  Done,      ///< give the kept answer
  Running,   ///< another one is at it
  Conflict,  ///< the key was used for another request
};
struct Reservation {
  Repeat repeat = Repeat::First;
  std::optional<KeptAnswer> answer = {};  ///< of Done
};

/// Port: users, their log, and the answers kept for repeats. Any thread. Faults: UNAVAILABLE.
class UserStore {
 public:
  virtual ~UserStore() = default;

  /// Nothing if there is no such row, or it is disabled.
  virtual Result<std::optional<Principal>> find_user(std::string_view issuer,
                                                     std::string_view subject) = 0;
  virtual Result<void> audit(const AuditEntry& entry) = 0;

  /// Takes the key for `hold`; a holder that died lets go of it then.
  virtual Result<Reservation> reserve(const RepeatKey& key, Duration hold) = 0;
  /// Keeps the answer for `span`, unless one is kept; gives the one that is kept now.
  virtual Result<KeptAnswer> keep(const RepeatKey& key, const KeptAnswer& answer,
                                  Duration span) = 0;
  /// Lets go of a key whose request was refused and changed nothing.
  virtual Result<void> release(const RepeatKey& key) = 0;
};

}  // namespace weir::dispatcher
