// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_metrics.h"

#include <gmock/gmock.h>

namespace weir::dagmanager {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DagmanagerMetrics, TellsWhatALoopSawOnlyWhereTheLoopRuns) {
  server::Metrics registry;
  DagmanagerMetrics metrics(registry);
  metrics.sentinel_gaps(3);
  metrics.topics_unowned(2);
  metrics.orphans_seen(5, Instant(std::chrono::hours(1)));
  metrics.loop_left("gc");
  EXPECT_THAT(registry.text(), Not(HasSubstr("orphan_queue_total 5")));
  EXPECT_THAT(registry.text(), HasSubstr("\nsentinel_gap_count 3"));
  metrics.loop_left("reconciler");
  EXPECT_THAT(registry.text(), Not(HasSubstr("sentinel_gap_count ")));
  EXPECT_THAT(registry.text(), Not(HasSubstr("topics_unowned ")));
  metrics.sentinel_gaps(0);
  EXPECT_THAT(registry.text(), HasSubstr("\nsentinel_gap_count 0")) << "it runs here again";
}

}  // namespace
}  // namespace weir::dagmanager
