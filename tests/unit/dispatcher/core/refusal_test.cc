// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/refusal.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "dispatcher/core/fence.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

TEST(Refusal, HasTheCodesOfSection37) {
  const std::set<std::string_view> codes = {
      "not_claimed",   "task_not_found", "stale_attempt", "lease_mismatch", "lease_expired",
      "task_finished", "task_canceled",  "task_archived", "event_missing",  "not_supported"};
  std::set<std::string_view> seen;
  for (int code = 0; code <= static_cast<int>(RefusalCode::NotSupported); ++code) {
    const Error error = refusal_error(refuse(static_cast<RefusalCode>(code)));
    EXPECT_EQ(error.reason(), word(static_cast<RefusalCode>(code)));
    EXPECT_EQ(http_status(static_cast<RefusalCode>(code)), base::http_status(error.code()));
    seen.insert(word(static_cast<RefusalCode>(code)));
  }
  EXPECT_EQ(seen, codes);
  EXPECT_EQ(http_status(RefusalCode::TaskNotFound), 404);
  EXPECT_EQ(http_status(RefusalCode::StaleAttempt), 409);
}

TEST(Refusal, HasTheReasonsOfSection331) {
  const std::set<std::string_view> reasons = {"already_running",
                                              "completed",
                                              "failed",
                                              "canceled",
                                              "not_due",
                                              "paused",
                                              "held",
                                              "stopped",
                                              "concurrency",
                                              "order",
                                              "unsupported_operator"};
  std::set<std::string_view> seen;
  for (int reason = 0; reason < kNotClaimedReasons; ++reason) {
    seen.insert(word(static_cast<NotClaimedReason>(reason)));
  }
  EXPECT_EQ(seen, reasons);
}

TEST(Refusal, SaysWhatItKnows) {
  const TaskView view = canceled(CancelReason::Rollback);
  const auto refusal = check_fence(view, open_build(), fence_of(view), FencedCall::Events);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal_error(*refusal).message(),
            "the task is over, or its attempt is; it is canceled; canceled: rollback");
  EXPECT_EQ(refusal_error(not_claimed(NotClaimedReason::Held)).message(),
            "the task cannot be claimed now: held");
}

}  // namespace
}  // namespace weir::dispatcher
