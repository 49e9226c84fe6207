// SPDX-License-Identifier: Apache-2.0
#include "cli/topics/compaction_text.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

dagmanager::CompactionReport a_report() {
  dagmanager::CompactionReport report;
  const dagmanager::SentinelKey key{graph::WorldId("w"), graph::SentinelId("s-sentinel"),
                                    graph::VersionLabel("v1")};
  report.archived = {{key, "sentinels/w/s-sentinel/v1.json"}};
  report.nodes = {graph::NodeId("blake3:01")};
  report.artifacts = 2;
  report.failed = {{key, base::unavailable("archive_unavailable", "it is away")}};
  return report;
}

TEST(CompactionText, WritesWhatWouldGoALineEach) {
  EXPECT_EQ(planned_json(a_report()),
            R"({"sentinel_id":"s-sentinel","world_id":"w","version":"v1",)"
            R"("object":"sentinels/w/s-sentinel/v1.json"})"
            "\n"
            R"({"node_id":"blake3:01"})"
            "\n");
  EXPECT_EQ(planned_lines(a_report()),
            "sentinel  s-sentinel@v1 in world w  to sentinels/w/s-sentinel/v1.json\n"
            "node  blake3:01\n");
}

TEST(CompactionText, WritesHowMuchWent) {
  EXPECT_EQ(counts_json(a_report(), false),
            R"({"sentinels":1,"nodes":1,"artifacts":2,"archive_failed":1,"changed":0,)"
            R"("dry_run":false})"
            "\n");
  EXPECT_EQ(counts_json(a_report(), true), R"({"sentinels":1,"nodes":1,"dry_run":true})"
                                           "\n");
  EXPECT_EQ(counts_line(a_report(), false),
            "1 sentinels archived, 1 nodes and 2 artifacts removed\n");
  EXPECT_EQ(counts_line(a_report(), true), "1 sentinels and 1 nodes would go\n");
}

TEST(CompactionText, WritesWhyASentinelStays) {
  EXPECT_EQ(kept_line(a_report().failed.front()),
            "archive_failed: sentinel s-sentinel@v1 in world w stays: archive_unavailable: it is "
            "away\n");
}

}  // namespace
}  // namespace weir::cli
