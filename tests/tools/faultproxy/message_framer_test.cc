// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/message_framer.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::faultproxy {
namespace {

std::string number(std::uint64_t value, int width) {
  std::string text;
  for (int i = width - 1; i >= 0; --i) {
    text += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  }
  return text;
}

std::string typed(char type, const std::string& body) {
  return type + number(static_cast<std::uint32_t>(body.size() + 4), 4) + body;
}

std::string sized(const std::string& body) {
  return number(static_cast<std::uint32_t>(body.size()), 4) + body;
}

std::string text(const std::string& value) { return value + '\0'; }

const std::string kStartup = number(9, 4) + number(196608, 4) + '\0';

/// What the client's bytes name, given one at a time: no message depends on how it was sliced.
std::vector<Message> named(MessageFramer& framer, const std::string& bytes, bool client = true) {
  std::vector<Message> messages;
  std::string passed;
  for (const char byte : bytes) {
    const std::string one(1, byte);
    for (const Frame& frame : client ? framer.from_client(one) : framer.from_server(one)) {
      messages.push_back(frame.message);
      passed += frame.bytes;
    }
  }
  EXPECT_EQ(passed, bytes);
  return messages;
}

TEST(MessageFramer, NamesCommitOfASimpleQuery) {
  MessageFramer framer(Protocol::Postgres);
  named(framer, kStartup);
  EXPECT_EQ(named(framer, typed('Q', text("commit ;"))), std::vector{Message::Commit});
  EXPECT_EQ(named(framer, typed('Q', text("BEGIN; SELECT 1; COMMIT"))),
            std::vector{Message::Commit});
  EXPECT_EQ(named(framer, typed('Q', text("SELECT 'COMMIT'"))), std::vector{Message::None});
}

TEST(MessageFramer, NamesCommitOfAPreparedStatementAtItsSync) {
  MessageFramer framer(Protocol::Postgres);
  named(framer, kStartup);
  const std::string bind = typed('B', text("") + text("c") + number(0, 6));
  EXPECT_EQ(named(framer, typed('P', text("c") + text("COMMIT") + number(0, 2)) + bind +
                              typed('E', text("") + number(0, 4)) + typed('S', "")),
            (std::vector{Message::None, Message::None, Message::None, Message::Commit}));
  EXPECT_EQ(named(framer, typed('S', "")), std::vector{Message::None});
}

TEST(MessageFramer, NamesTheReplyOfCommitAfterARefusalOfEncryption) {
  MessageFramer framer(Protocol::Postgres);
  named(framer, number(8, 4) + number(80877103, 4));
  EXPECT_EQ(named(framer, "N", false), std::vector{Message::None});
  named(framer, kStartup);
  EXPECT_EQ(named(framer, typed('C', text("COMMIT")) + typed('C', text("ROLLBACK")), false),
            (std::vector{Message::CommitReply, Message::None}));
  EXPECT_FALSE(framer.broken());
}

TEST(MessageFramer, NamesKafkaRequestsByKeyAndTheReplyByCorrelation) {
  MessageFramer framer(Protocol::Kafka);
  const auto request = [](std::uint32_t key, std::uint32_t correlation) {
    return sized(number(key, 2) + number(7, 2) + number(correlation, 4) + "rest");
  };
  EXPECT_EQ(named(framer, request(3, 1) + request(19, 2) + request(0, 3)),
            (std::vector{Message::None, Message::CreateTopics, Message::Produce}));
  EXPECT_EQ(
      named(framer, sized(number(1, 4)) + sized(number(2, 4) + "ok") + sized(number(2, 4)), false),
      (std::vector{Message::None, Message::CreateTopicsReply, Message::None}));
}

TEST(MessageFramer, EndsWhatIsLongerThanTheBound) {
  MessageFramer framer(Protocol::Kafka);
  EXPECT_TRUE(framer.from_client(number(0x7FFFFFFF, 4)).empty());
  EXPECT_TRUE(framer.broken());
}

}  // namespace
}  // namespace weir::faultproxy
