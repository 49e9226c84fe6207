// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir::test {

/// Two organisations that can be seeded.
enum class Org : char { A = 'a', B = 'b' };

/// The id of an organisation.
std::string org_id(Org org);

/// `sql` with each `{nn}` (two hexadecimal digits) as the id nn of that organisation, quoted, each
/// `@` as its letter, each `~` as its number and `{other}` as the other organisation's id.
std::string seeded(Org org, std::string_view sql);

/// A healthy organisation with at least one row in every table: a DAG of two jobs, deployed and
/// current, whose tasks are in every state. For a superuser's session.
std::string healthy(Org org);

/// What breaks one invariant of a healthy pair of organisations. For a superuser's session on which
/// no trigger fires (session_replication_role = replica); to be read by seeded(Org::A, …).
struct Violation {
  std::string_view id;
  std::string_view sql;
};

/// At least one for each invariant that the auditor counts, and one for each way to break it.
std::span<const Violation> violations();

}  // namespace weir::test
