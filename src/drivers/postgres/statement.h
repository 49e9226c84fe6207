// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace weir::postgres {

/// One SQL statement of ours, a constant of the program. The name is unique in the program, at most
/// 63 bytes, and is what the statement is prepared under, once a connection. The types of its
/// parameters must be the same in every call.
struct Statement {
  const char* name;
  const char* sql;
};

/// The transaction it is part of commits without waiting for the disk: a crash of the server may
/// undo it whole. For work that is found and done again, never for what somebody was told.
inline constexpr Statement kCommitAtOnce = {"commit_at_once",
                                            "SELECT set_config('synchronous_commit', 'off', true)"};

/// True for a statement that only reads by its first word (SELECT, SHOW, VALUES, TABLE):
/// losing the connection over it leaves no doubt about a commit. A SELECT that calls a writing
/// function belongs between BEGIN and COMMIT.
bool only_reads(std::string_view sql);

}  // namespace weir::postgres
