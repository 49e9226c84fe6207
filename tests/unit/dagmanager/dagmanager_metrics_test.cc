// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_metrics.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "dagmanager/limits.h"

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

TEST(DagmanagerMetrics, ShowsTheWeightsOfTheVersionsThatAreThere) {
  server::Metrics registry;
  DagmanagerMetrics metrics(registry);
  const std::string name = "dagmanager_active_version_weight";
  const auto shown = [&](const std::string& version) {
    return name + "{version=\"" + version + "\"} ";
  };
  metrics.version_weights({{graph::VersionLabel("v2"), 1}, {graph::VersionLabel("v1"), 0.25}});
  EXPECT_THAT(registry.text(), HasSubstr(shown("v2") + "1\n"));
  EXPECT_THAT(registry.text(), HasSubstr(shown("v1") + "0.25\n"));
  metrics.version_weights({{graph::VersionLabel("v2"), 0.5}});
  EXPECT_THAT(registry.text(), HasSubstr(shown("v2") + "0.5\n"));
  EXPECT_THAT(registry.text(), Not(HasSubstr(shown("v1")))) << "gone with its version";
}

TEST(DagmanagerMetrics, ShowsAThousandVersionsApartAndTheRestAsOne) {
  server::Metrics registry;
  DagmanagerMetrics metrics(registry);
  std::vector<VersionWeight> weights(kVersionsShown, {graph::VersionLabel(), 0.5});
  for (std::size_t at = 0; at < weights.size(); ++at) {
    weights[at].version = graph::VersionLabel("v" + std::to_string(at));
  }
  weights.push_back({graph::VersionLabel("w"), 0.25});
  weights.push_back({graph::VersionLabel("x"), 0.125});
  metrics.version_weights(weights);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("{version=\"v999\"} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("{version=\"other\"} 0.25\n")) << "the highest of them";
  EXPECT_THAT(text, Not(HasSubstr("{version=\"w\"}")));
}

}  // namespace
}  // namespace weir::dagmanager
