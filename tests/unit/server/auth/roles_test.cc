// SPDX-License-Identifier: Apache-2.0
#include "server/auth/roles.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace weir::auth {
namespace {

/// The table of contract section 3.1, once more by its words.
const std::set<std::string_view> kReaders = {"read", "follow_events", "query"};
const std::set<std::string_view> kWriters = {
    "validate",      "deploy",      "activate",       "roll_back",    "promote",
    "manage_worlds", "run_checks",  "manage_bundles", "run_manually", "invalidate",
    "retry_task",    "cancel_task", "manage_alerts"};
const std::set<std::string_view> kAdmins = {"pause_and_resume",
                                            "purge",
                                            "waive_checks",
                                            "manage_users",
                                            "manage_read_roles",
                                            "read_personal_columns",
                                            "manage_worker_tokens",
                                            "register_operators",
                                            "read_audit"};

TEST(Roles, MayWhatTheTableSays) {
  EXPECT_EQ(kRights.size(), kReaders.size() + kWriters.size() + kAdmins.size());
  for (const Right& right : kRights) {
    const bool for_readers = kReaders.contains(right.word);
    const bool for_writers = for_readers || kWriters.contains(right.word);
    EXPECT_EQ(may(Role::Reader, right.action), for_readers) << right.word;
    EXPECT_EQ(may(Role::Writer, right.action), for_writers) << right.word;
    EXPECT_TRUE(may(Role::Admin, right.action)) << right.word;
    EXPECT_TRUE(for_writers || kAdmins.contains(right.word)) << right.word;
  }
}

TEST(Roles, AreReadFromTheWordsOfTheDatabase) {
  for (const Role role : {Role::Reader, Role::Writer, Role::Admin}) {
    EXPECT_EQ(role_from(role_word(role)), role);
  }
  for (const char* word : {"", "Admin", "owner", "reader ", "root"}) {
    EXPECT_FALSE(role_from(word)) << word;
  }
}

}  // namespace
}  // namespace weir::auth
