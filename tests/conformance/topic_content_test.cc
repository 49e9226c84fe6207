// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/topic_content.h"

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/queues/kafka_topic_content.h"
#include "dagmanager/ports/queues/registry_topic_content.h"
#include "drivers/kafka/client.h"
#include "tests/conformance/engines.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::must;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;

const graph::TopicName kTopic("content.topic");

/// What every engine of topics says of one without messages; engines without messages say no more.
class TopicContentTest : public testing::TestWithParam<test::Adapter> {
 protected:
  TopicContentTest() : engine_(test::make_topic_engine(GetParam())) {
    if (GetParam() == test::Adapter::Kafka) {
      client_ = test::kafka_client(GetParam());
      content_ = std::make_unique<KafkaTopicContent>(client_);
    } else {
      content_ = std::make_unique<RegistryTopicContent>(engine_->topics());
    }
  }

  void make(int partitions, const std::string& cleanup = "delete") {
    const std::vector<TopicSpec> specs = {{kTopic,
                                           {.partitions = partitions,
                                            .replication = 1,
                                            .retention_ms = 600'000,
                                            .cleanup = cleanup}}};
    ASSERT_TRUE(succeeded(engine_->topics().create(specs)));
    ASSERT_TRUE(test::in_the_end([&] { return content_->ranges(kTopic).ok(); }));
  }

  std::unique_ptr<test::TopicEngine> engine_;
  std::shared_ptr<kafka::Client> client_;
  std::unique_ptr<TopicContent> content_;
};

TEST_P(TopicContentTest, HasNothingOfATopicThatIsNotThere) {
  EXPECT_EQ(reason_of(content_->ranges(kTopic)), "topic_missing");
}

TEST_P(TopicContentTest, HasEveryPartitionOfAnEmptyTopic) {
  make(2);
  EXPECT_THAT(must(content_->ranges(kTopic)),
              ElementsAre(PartitionRange{.partition = 0}, PartitionRange{.partition = 1}));
  EXPECT_THAT(must(content_->read(kTopic, {.partition = 0, .from = 0, .end = 0}, 10)), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, TopicContentTest, test::all_adapters(), test::adapter_name);

#ifndef WEIR_WITHOUT_KAFKA
INSTANTIATE_TEST_SUITE_P(Kafka, TopicContentTest, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);

/// Writes, in transactions or not.
class Writer {
 public:
  Writer(kafka::Client& client, const std::string& transactional_id) {
    rd_kafka_conf_t* conf = rd_kafka_conf_dup(rd_kafka_conf(client.handle()));
    std::array<char, 512> why{};
    if (!transactional_id.empty()) {
      rd_kafka_conf_set(conf, "transactional.id", transactional_id.c_str(), why.data(), why.size());
    }
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    EXPECT_NE(handle_, nullptr) << why.data();
    if (!transactional_id.empty()) check(rd_kafka_init_transactions(handle_, kTimeout));
  }
  ~Writer() {
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(handle_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void begin() { check(rd_kafka_begin_transaction(handle_)); }
  void commit() { check(rd_kafka_commit_transaction(handle_, kTimeout)); }
  void abort() { check(rd_kafka_abort_transaction(handle_, kTimeout)); }
  void write(int partition, const std::optional<std::string>& key,
             const std::optional<std::string>& value) {
    const auto bytes = [](const std::optional<std::string>& text) {
      return text ? const_cast<char*>(text->data()) : nullptr;
    };
    const auto size = [](const std::optional<std::string>& text) {
      return text ? text->size() : std::size_t{0};
    };
    void* const key_bytes = bytes(key);
    void* const value_bytes = bytes(value);
    const std::size_t key_size = size(key);
    const std::size_t value_size = size(value);
    rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_, kTopic.text().c_str(), nullptr);
    EXPECT_EQ(rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value_bytes, value_size,
                               key_bytes, key_size, nullptr),
              0)
        << rd_kafka_err2str(rd_kafka_last_error());
    rd_kafka_topic_destroy(topic);
  }
  void flush() { EXPECT_EQ(rd_kafka_flush(handle_, kTimeout), RD_KAFKA_RESP_ERR_NO_ERROR); }

 private:
  static constexpr int kTimeout = 30'000;

  static void check(rd_kafka_error_t* failed) {
    EXPECT_EQ(failed, nullptr) << (failed != nullptr ? rd_kafka_error_string(failed) : "");
    if (failed != nullptr) rd_kafka_error_destroy(failed);
  }

  rd_kafka_t* handle_ = nullptr;
};

class KafkaContentTest : public TopicContentTest {
 protected:
  struct Read {
    std::int64_t offset;
    std::string text;

    friend bool operator==(const Read&, const Read&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Read& read) {
      return out << read.offset << " " << read.text;
    }
  };
  /// A message that is committed, and one of a transaction that is still open.
  static void write_committed_and_open(Writer& writer) {
    writer.begin();
    writer.write(0, "kept", "1");
    writer.commit();
    writer.begin();
    writer.write(0, "open", "2");
    writer.flush();
  }
  /// Everything of a partition, so many messages at a time, `key=value`.
  std::vector<Read> read_all(int partition, std::size_t page) {
    const auto ranges = must(content_->ranges(kTopic));
    const PartitionRange range = ranges.at(static_cast<std::size_t>(partition));
    ContentCursor cursor{.partition = partition, .from = range.first, .end = range.end};
    std::vector<Read> all;
    while (true) {
      const auto messages = must(content_->read(kTopic, cursor, page));
      if (messages.empty()) return all;
      EXPECT_LE(messages.size(), page);
      for (const TopicMessage& one : messages) {
        EXPECT_EQ(one.partition, partition);
        EXPECT_GT(one.timestamp_ms, 0);
        all.push_back({one.offset, one.key.value_or("-") + "=" + one.value.value_or("-")});
      }
      cursor.from = messages.back().offset + 1;
    }
  }
};

TEST_P(KafkaContentTest, ReadsEveryMessageOnceWhateverThePage) {
  make(2);
  Writer writer(*client_, "");
  for (int i = 0; i < 50; ++i) writer.write(0, "k" + std::to_string(i), "v");
  writer.write(1, std::nullopt, "no key");
  writer.write(1, "tombstone", std::nullopt);
  writer.write(1, "", "");
  writer.flush();
  for (const std::size_t page : {1U, 7U, 50U, 1000U}) {
    const auto read = read_all(0, page);
    ASSERT_EQ(read.size(), 50U) << page;
    EXPECT_EQ(read.back(), (Read{49, "k49=v"}));
    EXPECT_THAT(read_all(1, page),
                ElementsAre(Read{0, "-=no key"}, Read{1, "tombstone=-"}, Read{2, "="}));
  }
}

TEST_P(KafkaContentTest, EndsWhereItWasToldHoweverMuchCameSince) {
  make(1);
  Writer writer(*client_, "");
  writer.write(0, "a", "1");
  writer.write(0, "b", "2");
  writer.flush();
  const ContentCursor first{.partition = 0, .from = 0, .end = 1};
  EXPECT_EQ(must(content_->read(kTopic, first, 10)).size(), 1U);
  EXPECT_THAT(must(content_->read(kTopic, {.partition = 0, .from = 1, .end = 1}, 10)), IsEmpty());
}

TEST_P(KafkaContentTest, LeavesOutWhatWasTakenBackAndPassesOverTheMarks) {
  make(1);
  Writer writer(*client_, "content-test");
  write_committed_and_open(writer);
  writer.abort();
  writer.begin();
  writer.write(0, "kept too", "3");
  writer.commit();
  EXPECT_THAT(read_all(0, 1), ElementsAre(Read{0, "kept=1"}, Read{4, "kept too=3"}));
  EXPECT_THAT(read_all(0, 100), ElementsAre(Read{0, "kept=1"}, Read{4, "kept too=3"}));
}

TEST_P(KafkaContentTest, HasNoEndWhileATransactionIsOpen) {
  make(1);
  Writer writer(*client_, "content-test-open");
  write_committed_and_open(writer);
  const auto ranges = must(content_->ranges(kTopic));
  ContentCursor cursor{.partition = 0, .from = 0, .end = ranges.front().end};
  EXPECT_EQ(must(content_->read(kTopic, cursor, 10)).size(), 1U);
  cursor.from = 1;
  EXPECT_EQ(reason_of(content_->read(kTopic, cursor, 10)), "content_unreadable");
  writer.abort();
  EXPECT_TRUE(test::in_the_end([&] {
    const auto read = content_->read(kTopic, cursor, 10);
    return read.ok() && read->empty();
  }));
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaContentTest, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);
#endif

}  // namespace
}  // namespace weir::dagmanager
