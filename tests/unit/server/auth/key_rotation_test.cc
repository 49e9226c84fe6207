// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_rotation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "server/auth/limits.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

KeySpan key_from(const std::string& id, Instant from) {
  return {.id = KeyId(id), .not_before = from, .expires_at = verifying_end(from)};
}

TEST(KeyRotation, MakesTheFirstKeyAtOnce) {
  const RotationPlan plan = plan_rotation({}, kNow);
  EXPECT_FALSE(plan.signer);
  EXPECT_EQ(plan.make_after, kNow);
  EXPECT_FALSE(plan.due);
}

TEST(KeyRotation, LetsAKeyWorkElevenHoursBeforeItsHeirIsMade) {
  const std::vector<KeySpan> keys = {key_from("a", kNow)};
  const RotationPlan early = plan_rotation(keys, kNow + hours(11) - minutes(1));
  EXPECT_EQ(early.signer, KeyId("a"));
  EXPECT_FALSE(early.make_after);
  EXPECT_EQ(early.due, kNow + hours(11));
  const RotationPlan late = plan_rotation(keys, kNow + hours(11));
  EXPECT_EQ(late.signer, KeyId("a"));
  EXPECT_EQ(late.make_after, kNow + hours(12));
}

TEST(KeyRotation, PublishesBothWhileOneFollowsTheOther) {
  const std::vector<KeySpan> keys = {key_from("a", kNow), key_from("b", kNow + hours(12))};
  const std::vector<KeyId> both = {KeyId("a"), KeyId("b")};
  const RotationPlan before = plan_rotation(keys, kNow + hours(12) - minutes(1));
  EXPECT_EQ(before.signer, KeyId("a"));
  EXPECT_EQ(before.published, both);
  EXPECT_FALSE(before.make_after);
  EXPECT_EQ(before.due, kNow + hours(12));
  const RotationPlan after = plan_rotation(keys, kNow + hours(12));
  EXPECT_EQ(after.signer, KeyId("b"));
  EXPECT_EQ(after.published, both);
  const RotationPlan end = plan_rotation(keys, kNow + hours(13));
  EXPECT_EQ(end.published, std::vector<KeyId>{KeyId("b")});
  EXPECT_EQ(end.over, std::vector<KeyId>{KeyId("a")});
}

TEST(KeyRotation, FollowsARevokedKeyAtOnce) {
  std::vector<KeySpan> keys = {key_from("a", kNow)};
  keys[0].revoked = true;
  const RotationPlan plan = plan_rotation(keys, kNow + hours(1));
  EXPECT_FALSE(plan.signer);
  EXPECT_TRUE(plan.published.empty());
  EXPECT_EQ(plan.over, std::vector<KeyId>{KeyId("a")});
  EXPECT_EQ(plan.make_after, kNow + hours(1));
}

TEST(KeyRotation, DoesNotWaitForAKeyThatSignsLater) {
  std::vector<KeySpan> keys = {key_from("a", kNow), key_from("b", kNow + hours(12))};
  keys[0].revoked = true;
  EXPECT_EQ(plan_rotation(keys, kNow + hours(11)).make_after, kNow + hours(11));
}

TEST(KeyRotation, StartsAnewAfterALongStop) {
  const std::vector<KeySpan> keys = {key_from("a", kNow)};
  const RotationPlan overlap = plan_rotation(keys, kNow + hours(12) + minutes(30));
  EXPECT_FALSE(overlap.signer);
  EXPECT_EQ(overlap.published, std::vector<KeyId>{KeyId("a")});
  EXPECT_EQ(overlap.make_after, kNow + hours(12) + minutes(30));
}

/// Three days, planned whenever a plan is due: there is always a signer, its tokens verify to their
/// end, and it was published an hour before.
TEST(KeyRotation, NeverLeavesATokenWithoutItsKey) {
  std::vector<KeySpan> keys;
  Instant now = kNow;
  int made = 0;
  while (now < kNow + hours(72)) {
    RotationPlan plan = plan_rotation(keys, now);
    if (plan.make_after) {
      EXPECT_TRUE(keys.empty() || *plan.make_after - now >= kKeyLead);
      keys.push_back(key_from("key " + std::to_string(++made), *plan.make_after));
      plan = plan_rotation(keys, now);
    }
    ASSERT_TRUE(plan.signer);
    ASSERT_FALSE(plan.make_after);
    ASSERT_LE(plan.published.size(), 2U);
    const Instant token_ends = now + kCapabilityLifeMax - std::chrono::seconds(1);
    const auto later = plan_rotation(keys, token_ends).published;
    EXPECT_NE(std::find(later.begin(), later.end(), *plan.signer), later.end());
    ASSERT_TRUE(plan.due);
    ASSERT_GT(*plan.due, now);
    now = std::min<Instant>(*plan.due, now + minutes(7));
  }
  EXPECT_EQ(made, 7);
}

}  // namespace
}  // namespace weir::auth
