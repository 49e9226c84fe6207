// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/topic_archiver.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/blake3.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/queues/limits.h"
#include "dagmanager/ports/queues/registry_topic_content.h"

namespace weir::dagmanager {
namespace {

/// Objects in memory, which may be lost or spoiled.
class MemoryArchive final : public ArchiveStore {
 public:
  Result<std::unique_ptr<ArchiveWriter>> begin(const std::string& name) override {
    if (name == refused) return base::unavailable("archive_unavailable", "no archive");
    return std::unique_ptr<ArchiveWriter>(std::make_unique<Writer>(*this, name));
  }
  Result<void> read(const std::string& name,
                    const std::function<Result<void>(std::string_view)>& take) override {
    const std::string& bytes = objects.at(name);
    for (std::size_t at = 0; at < bytes.size(); at += 7) {
      WEIR_CHECK(take(std::string_view(bytes).substr(at, 7)));
    }
    return {};
  }
  Result<void> ping() override { return {}; }

  std::map<std::string, std::string> objects;
  std::string refused;
  std::string spoiled;  ///< of this object a bit turns on its way

 private:
  class Writer final : public ArchiveWriter {
   public:
    Writer(MemoryArchive& archive, std::string name) : archive_(archive), name_(std::move(name)) {}
    Result<void> append(std::string_view bytes) override {
      bytes_ += bytes;
      return {};
    }
    Result<void> finish() override {
      if (name_ == archive_.spoiled) bytes_.back() = static_cast<char>(bytes_.back() ^ 1);
      archive_.objects[name_] = bytes_;
      return {};
    }

   private:
    MemoryArchive& archive_;
    std::string name_;
    std::string bytes_;
  };
};

/// A topic that holds messages.
class ListedContent final : public TopicContent {
 public:
  Result<std::vector<PartitionRange>> ranges(const graph::TopicName& /*topic*/) override {
    return partitions;
  }
  Result<std::vector<TopicMessage>> read(const graph::TopicName& /*topic*/,
                                         const ContentCursor& cursor, std::size_t limit) override {
    if (fails) return base::unavailable("broker_unavailable", "no broker");
    std::vector<TopicMessage> page;
    for (const TopicMessage& message : messages) {
      const bool wanted = message.partition == cursor.partition && message.offset >= cursor.from &&
                          message.offset < cursor.end;
      if (wanted && page.size() < limit) page.push_back(message);
    }
    return page;
  }

  std::vector<PartitionRange> partitions;
  std::vector<TopicMessage> messages;
  bool fails = false;
};

std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i, value >>= 8U) out += static_cast<char>(value & 0xffU);
  return out;
}

class TopicArchiverTest : public testing::Test {
 protected:
  Result<ArchivedTopic> run() {
    return TopicArchiver(content_, archive_)
        .archive({.topic = graph::TopicName("btc_x"),
                  .tag = "sentinel",
                  .interval = 60,
                  .moment = Instant(std::chrono::seconds(1'700'000'000))});
  }

  MemoryArchive archive_;
  ListedContent content_;
};

TEST_F(TopicArchiverTest, KeepsEveryMessageByteForByte) {
  content_.partitions = {{.partition = 0, .first = 5, .end = 9}, {.partition = 1}};
  content_.messages = {{.partition = 0, .offset = 5, .timestamp_ms = 1, .key = "k", .value = "v"},
                       {.partition = 0, .offset = 8, .timestamp_ms = -2, .value = std::nullopt},
                       {.partition = 0, .offset = 9, .timestamp_ms = 3, .value = "later"}};
  const auto archived = run();
  ASSERT_TRUE(archived.ok()) << archived.error().describe();
  EXPECT_EQ(archived->key, "btc_x-20231114T221320");
  EXPECT_EQ(archived->messages, 2U);
  const std::string none = little_endian(UINT64_MAX, 4);
  const std::string expected = little_endian(0, 4) + little_endian(5, 8) + little_endian(1, 8) +
                               little_endian(1, 4) + "k" + little_endian(1, 4) + "v" +
                               little_endian(0, 4) + little_endian(8, 8) +
                               little_endian(UINT64_MAX - 1, 8) + none + none;
  EXPECT_EQ(archive_.objects.at("btc_x-20231114T221320.content"), expected);
  EXPECT_EQ(archived->bytes, expected.size());
  const auto manifest =
      nlohmann::json::parse(archive_.objects.at("btc_x-20231114T221320.manifest.json"));
  EXPECT_EQ(manifest["format"], "weir topic archive 1");
  EXPECT_EQ(manifest["topic"], "btc_x");
  EXPECT_EQ(manifest["tag"], "sentinel");
  EXPECT_EQ(manifest["interval"], 60);
  EXPECT_EQ(manifest["messages"], 2);
  EXPECT_EQ(manifest["bytes"], expected.size());
  EXPECT_EQ(manifest["checksum"], "blake3:" + base::blake3_hex(expected));
  EXPECT_EQ(manifest["partitions"],
            nlohmann::json::parse(R"([{"partition":0,"first":5,"end":9,"messages":2},
                                      {"partition":1,"first":0,"end":0,"messages":0}])"));
}

TEST_F(TopicArchiverTest, ReadsManyPagesOnceEach) {
  content_.partitions = {{.partition = 3, .first = 0, .end = 2 * kContentPage + 1}};
  constexpr auto kLast = static_cast<std::int64_t>(2 * kContentPage);
  for (std::int64_t offset = 0; offset <= kLast; ++offset) {
    content_.messages.push_back(
        {.partition = 3, .offset = offset, .value = "value " + std::to_string(offset)});
  }
  const auto archived = run();
  ASSERT_TRUE(archived.ok());
  EXPECT_EQ(archived->messages, 2 * kContentPage + 1);
}

TEST_F(TopicArchiverTest, WritesTheSameObjectsAgain) {
  content_.partitions = {{.partition = 0, .first = 0, .end = 1}};
  content_.messages = {{.value = "v"}};
  ASSERT_TRUE(run().ok());
  const auto first = archive_.objects;
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(archive_.objects, first);
}

TEST_F(TopicArchiverTest, NoticesWhatReadsBackOtherThanItWasWritten) {
  content_.partitions = {{.partition = 0, .first = 0, .end = 1}};
  content_.messages = {{.value = "v"}};
  for (const char* object : {".content", ".manifest.json"}) {
    archive_.spoiled = std::string("btc_x-20231114T221320") + object;
    const auto archived = run();
    ASSERT_FALSE(archived.ok()) << object;
    EXPECT_EQ(archived.error().reason(), "archive_differs");
  }
}

TEST_F(TopicArchiverTest, FailsWithItsPortsAndLeavesNoManifest) {
  content_.partitions = {{.partition = 0, .first = 0, .end = 1}};
  content_.fails = true;
  EXPECT_EQ(run().error().reason(), "broker_unavailable");
  EXPECT_TRUE(archive_.objects.empty());
  content_.fails = false;
  archive_.refused = "btc_x-20231114T221320.manifest.json";
  EXPECT_EQ(run().error().reason(), "archive_unavailable");
  EXPECT_EQ(archive_.objects.size(), 1U) << "the content, without which no manifest is written";
}

TEST(RegistryTopicContent, IsNoneAndSureOfIt) {
  MemoryTopicAdmin topics;
  const std::vector<TopicSpec> made = {
      {graph::TopicName("here"),
       {.partitions = 2, .replication = 1, .retention_ms = 0, .cleanup = ""}}};
  ASSERT_TRUE(topics.create(made).ok());
  RegistryTopicContent content(topics);
  const auto ranges = content.ranges(graph::TopicName("here"));
  ASSERT_TRUE(ranges.ok());
  EXPECT_THAT(*ranges,
              testing::ElementsAre(PartitionRange{.partition = 0}, PartitionRange{.partition = 1}));
  EXPECT_EQ(content.ranges(graph::TopicName("elsewhere")).error().reason(), "topic_missing");
}

}  // namespace
}  // namespace weir::dagmanager
