// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/fault_rule.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tools/faultproxy/proxy_options.h"
#include "tests/tools/faultproxy/rule_book.h"

namespace weir::faultproxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

FaultRule rule(std::string_view json, Protocol protocol = Protocol::Postgres) {
  const auto parsed = parse_fault_rule(json, 3, protocol);
  EXPECT_TRUE(parsed.ok()) << json << (parsed.ok() ? "" : parsed.error().message());
  return parsed.ok() ? *parsed : FaultRule{};
}

std::string fault(std::string_view json, Protocol protocol = Protocol::Postgres) {
  const auto parsed = parse_fault_rule(json, 3, protocol);
  EXPECT_FALSE(parsed.ok()) << json;
  return parsed.ok() ? "" : parsed.error().message();
}

TEST(FaultRule, HasWhatItsKindHas) {
  const FaultRule drop = rule(R"({"kind":"drop","seconds":1.5,"pair":2,"direction":"to_client"})");
  EXPECT_EQ(drop.span, milliseconds(1500));
  EXPECT_TRUE(drop.of(2, Direction::ToClient));
  EXPECT_FALSE(drop.of(2, Direction::ToServer));
  EXPECT_FALSE(drop.of(1, Direction::ToClient));
  const FaultRule delay =
      rule(R"({"kind":"delay","millis":50,"jitter_millis":9,"count":3,"seconds":60})");
  EXPECT_EQ(delay.delay, milliseconds(50));
  EXPECT_EQ(delay.jitter, milliseconds(9));
  EXPECT_EQ(delay.count, 3);
  EXPECT_TRUE(delay.of(1, Direction::ToServer));
  EXPECT_EQ(rule(R"({"kind":"slow","bytes_per_second":8192,"seconds":1})").bytes_per_second, 8192);
  EXPECT_EQ(rule(R"({"kind":"slice","bytes":1,"count":1})").bytes, 1);
  EXPECT_EQ(rule(R"({"kind":"reset_after","bytes":0,"count":1})").bytes, 0);
  EXPECT_EQ(rule(R"({"kind":"cut","message":"commit_reply","count":1})").message,
            Message::CommitReply);
  EXPECT_EQ(rule(R"({"kind":"cut","message":"produce","count":1})", Protocol::Kafka).message,
            Message::Produce);
}

TEST(FaultRule, AFaultNamesItsMember) {
  EXPECT_NE(fault("[]").find("rule.kind:"), std::string::npos);
  EXPECT_NE(fault("{").find("rule.kind:"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"dorp","count":1})").find("rule.kind: must be one of refuse"),
            std::string::npos);
  EXPECT_NE(fault(R"({"kind":"reset"})").find("a rule names its end"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"drop","count":1})").find("a drop ends by time"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"delay","count":1})").find("rule.millis: is missing"),
            std::string::npos);
  EXPECT_NE(fault(R"({"kind":"slow","count":1})").find("rule.bytes_per_second"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"slice","count":1})").find("rule.bytes:"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"slice","bytes":0,"count":1})").find("rule.bytes:"),
            std::string::npos);
  EXPECT_NE(fault(R"({"kind":"reset","count":0})").find("rule.count:"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"reset","count":1.5})").find("whole number"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"reset","count":1,"pair":3})").find("rule.pair:"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"reset","count":1,"bytes":1})").find("rule.bytes: is no member"),
            std::string::npos);
  EXPECT_NE(fault(R"({"kind":"cut","count":1})").find("rule.message:"), std::string::npos);
  EXPECT_NE(fault(R"({"kind":"cut","message":"commit","count":1})", Protocol::Kafka)
                .find("none of this proxy's --protocol"),
            std::string::npos);
  EXPECT_NE(fault(R"({"kind":"cut","message":"commit","count":1})", Protocol::Tcp)
                .find("none of this proxy's --protocol"),
            std::string::npos);
}

TEST(RuleBook, ARuleEndsByTimeByCountOrByHand) {
  RuleBook book;
  const Moment start{};
  FaultRule timed{.kind = FaultKind::Slow, .span = seconds(5), .bytes_per_second = 1};
  const FaultRule counted{.kind = FaultKind::Reset, .count = 2};
  const auto first = book.add(timed, start);
  const auto second = book.add(counted, start);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(book.next_end(), start + seconds(5));
  EXPECT_NE(book.find(FaultKind::Slow, 0, Direction::ToClient, start), nullptr);
  EXPECT_EQ(book.find(FaultKind::Slow, 0, Direction::ToClient, start + seconds(5)), nullptr);
  book.get(*second)->hits = 1;
  EXPECT_NE(book.find(FaultKind::Reset, 7, start), nullptr);
  book.get(*second)->hits = 2;
  EXPECT_EQ(book.find(FaultKind::Reset, 7, start), nullptr);
  EXPECT_TRUE(book.sweep(start));
  EXPECT_FALSE(book.sweep(start));
  EXPECT_EQ(book.live().size(), 1);
  EXPECT_TRUE(book.remove(*first));
  EXPECT_FALSE(book.remove(*first));
  ASSERT_EQ(book.ended().size(), 2);
  EXPECT_EQ(book.ended().front().hits, 2);
}

TEST(RuleBook, KeepsToItsBounds) {
  RuleBook book;
  const FaultRule counted{.kind = FaultKind::Reset, .count = 1};
  for (std::size_t i = 0; i < kRulesMax; ++i) EXPECT_TRUE(book.add(counted, Moment{}));
  EXPECT_FALSE(book.add(counted, Moment{}));
  book.clear();
  EXPECT_TRUE(book.add(counted, Moment{}));
  book.clear();
  EXPECT_EQ(book.ended().size(), kEndedRulesMax);
}

std::string usage_fault(const std::vector<std::string>& words) {
  const auto parsed = parse_proxy_options(words);
  EXPECT_FALSE(parsed.ok());
  return parsed.ok() ? "" : parsed.error().message();
}

TEST(ProxyOptions, LoopbackOnlyUnlessToldOtherwise) {
  EXPECT_NE(usage_fault({"--pair", "0.0.0.0:0=127.0.0.1:1"}).find("0.0.0.0:0 is not loopback"),
            std::string::npos);
  EXPECT_NE(usage_fault({"--control", "[::]:0", "--pair", "127.0.0.1:0=127.0.0.1:1"})
                .find("not loopback"),
            std::string::npos);
  const auto told = parse_proxy_options({"--listen-anywhere", "--pair", "0.0.0.0:0=127.0.0.1:1"});
  EXPECT_TRUE(told.ok());
  const auto usual = parse_proxy_options({"--protocol", "kafka", "--pair", "[::1]:0=10.0.0.1:9092",
                                          "--pair", "unix:/tmp/a=127.0.0.1:1"});
  ASSERT_TRUE(usual.ok()) << usual.error().message();
  EXPECT_EQ(usual->protocol, Protocol::Kafka);
  EXPECT_EQ(usual->pairs.size(), 2);
  EXPECT_EQ(address_text(usual->pairs[0].target.endpoint), "10.0.0.1:9092");
  EXPECT_EQ(address_text(usual->pairs[1].listen.endpoint), "unix:/tmp/a");
}

TEST(ProxyOptions, AFaultNamesItsWord) {
  EXPECT_NE(usage_fault({}).find("--pair is missing"), std::string::npos);
  EXPECT_NE(usage_fault({"--pair"}).find("--pair: its value"), std::string::npos);
  EXPECT_NE(usage_fault({"--pair", "127.0.0.1:1"}).find("LISTEN=TARGET"), std::string::npos);
  EXPECT_NE(usage_fault({"--pair", "127.0.0.1:1=127.0.0.1:x"}).find("the port"), std::string::npos);
  EXPECT_NE(usage_fault({"--pair", "127.0.0.1:1=unix:a"}).find("absolute"), std::string::npos);
  EXPECT_NE(usage_fault({"--protocol", "bolt"}).find("bolt"), std::string::npos);
  EXPECT_NE(usage_fault({"--prot", "kafka"}).find("there is no --prot"), std::string::npos);
}

}  // namespace
}  // namespace weir::faultproxy
