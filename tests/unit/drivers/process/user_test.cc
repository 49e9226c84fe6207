// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/user.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::process {
namespace {

TEST(User, IsFoundByNameAndNumber) {
  const auto root = find_user(0U);
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(find_user(root->name)->uid, 0U);
  EXPECT_FALSE(find_user("no such user").has_value());
}

TEST(User, EntersWhatItMay) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can step down";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody.has_value());
  EXPECT_FALSE(can_enter(nobody, "/nosuch"));
  EXPECT_FALSE(can_enter(nobody, "/proc/1/fd"));
  EXPECT_TRUE(can_enter(nobody, "/tmp"));
  EXPECT_TRUE(can_enter(std::nullopt, "/tmp"));
}

}  // namespace
}  // namespace weir::process
