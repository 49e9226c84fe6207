// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/fault_proxy.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tests/tools/faultproxy/control_door.h"

namespace weir::faultproxy {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;
using Json = nlohmann::json;

constexpr std::chrono::milliseconds kLook{5};
constexpr int kLooksMax = 4000;

tcp::endpoint loopback(std::uint16_t port = 0) { return {net::ip::address_v4::loopback(), port}; }

/// A proxy of one pair, and the server behind it; the client's calls block.
class Rig : public testing::Test {
 protected:
  void start(Protocol protocol = Protocol::Tcp) {
    const auto listen = parse_proxy_address("127.0.0.1:0");
    const auto target =
        parse_proxy_address("127.0.0.1:" + std::to_string(server_door_.local_endpoint().port()));
    ASSERT_TRUE(listen && target);
    proxy_.emplace(network_, protocol,
                   std::vector<ProxyPair>{{.listen = *listen, .target = *target}});
    ASSERT_TRUE(proxy_->listen());
    const auto pairs = Json::parse(proxy_->pairs_json());
    const std::string at = pairs[0]["listen"];
    port_ = static_cast<std::uint16_t>(std::stoi(at.substr(at.rfind(':') + 1)));
    thread_ = std::thread([this] { network_.run(); });
  }

  ~Rig() override {
    network_.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// A command, on the proxy's thread.
  Json command(const Json& words) {
    std::promise<std::string> answer;
    net::post(network_, [&] { answer.set_value(proxy_->command(words.dump())); });
    return Json::parse(answer.get_future().get());
  }
  void add(const Json& rule) {
    const Json answer = command({{"add", rule}});
    ASSERT_TRUE(answer["ok"]) << answer;
  }
  Json show() { return command({{"show", true}}); }
  Json pair() { return show()["pairs"][0]; }
  std::uint64_t hits() { return show()["rules"].back()["hits"]; }
  template <class Holds>
  void until(Holds holds) {
    for (int i = 0; i < kLooksMax; ++i) {
      if (holds()) return;
      net::steady_timer(blocking_, kLook).wait();
    }
    FAIL() << "it never held: " << show();
  }

  void connect() {
    client_ = tcp::socket(blocking_);
    client_.connect(loopback(port_));
    server_ = server_door_.accept();
  }
  void send(tcp::socket& socket, const std::string& bytes) {
    net::write(socket, net::buffer(bytes));
  }
  std::string take(tcp::socket& socket, std::size_t size) {
    std::string bytes(size, '\0');
    error_code error;
    bytes.resize(net::read(socket, net::buffer(bytes), error));
    return bytes;
  }
  /// What is left until the stream ends, and how it ends.
  std::pair<std::string, error_code> rest(tcp::socket& socket) {
    std::string bytes;
    error_code error;
    net::read(socket, net::dynamic_buffer(bytes), error);
    return {bytes, error};
  }
  void must_pass() {
    connect();
    send(client_, "ask");
    EXPECT_EQ(take(server_, 3), "ask");
    send(server_, "answer");
    EXPECT_EQ(take(client_, 6), "answer");
  }

  net::io_context network_{1};
  net::executor_work_guard<net::io_context::executor_type> work_ = net::make_work_guard(network_);
  net::io_context blocking_;
  tcp::acceptor server_door_{blocking_, loopback()};
  std::optional<FaultProxy> proxy_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  tcp::socket client_{blocking_};
  tcp::socket server_{blocking_};
};

using FaultProxyRules = Rig;

TEST_F(FaultProxyRules, WithoutRulesAllIsPassedOnAndEachWayEndsByItself) {
  start();
  must_pass();
  const std::string much(3'000'000, 'x');
  std::thread writer([&] {
    send(client_, much);
    client_.shutdown(tcp::socket::shutdown_send);
  });
  EXPECT_EQ(rest(server_).first, much);
  writer.join();
  send(server_, "late");
  server_.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(rest(client_), std::pair(std::string("late"), error_code(net::error::eof)));
  until([&] { return show()["open"] == 0; });
  EXPECT_EQ(pair()["bytes_to_server"], much.size() + 3);
  EXPECT_EQ(pair()["bytes_to_client"], 10);
}

TEST_F(FaultProxyRules, RefuseForATimeClosesTheDoor) {
  start();
  must_pass();
  add({{"kind", "refuse"}, {"seconds", 3600}});
  error_code error;
  tcp::socket other(blocking_);
  other.connect(loopback(port_), error);
  EXPECT_EQ(error, net::error::connection_refused);
  send(client_, "open connections stay");
  EXPECT_EQ(take(server_, 21), "open connections stay");
  EXPECT_TRUE(command({{"clear", true}})["ok"]);
  must_pass();
}

TEST_F(FaultProxyRules, RefuseSoManyBreaksEachAtOnce) {
  start();
  add({{"kind", "refuse"}, {"count", 2}});
  for (int i = 0; i < 2; ++i) {
    tcp::socket other(blocking_);
    other.connect(loopback(port_));
    EXPECT_EQ(rest(other).second, net::error::connection_reset);
  }
  must_pass();
  EXPECT_EQ(hits(), 2);
}

TEST_F(FaultProxyRules, ResetBreaksIdleConnectionsOnBothSides) {
  start();
  must_pass();
  add({{"kind", "reset"}, {"count", 1}});
  EXPECT_EQ(rest(client_).second, net::error::connection_reset);
  EXPECT_EQ(rest(server_).second, net::error::connection_reset);
  EXPECT_EQ(hits(), 1);
  must_pass();
}

TEST_F(FaultProxyRules, ResetAfterBreaksInTheMiddleOfAReply) {
  start();
  must_pass();
  add({{"kind", "reset_after"}, {"direction", "to_client"}, {"bytes", 3}, {"count", 1}});
  send(client_, "whole");
  EXPECT_EQ(take(server_, 5), "whole");
  send(server_, "answer");
  EXPECT_EQ(take(client_, 6).substr(0, 3), "ans");
  until([&] { return show()["open"] == 0; });
  EXPECT_EQ(pair()["bytes_to_client"], 9);
}

TEST_F(FaultProxyRules, DropOfOneWayIsSilenceAndTheRestComesAfterIt) {
  start();
  must_pass();
  add({{"kind", "drop"}, {"direction", "to_client"}, {"seconds", 3600}});
  send(client_, "ask");
  EXPECT_EQ(take(server_, 3), "ask");
  send(server_, "answer");
  until([&] { return hits() == 1; });
  EXPECT_EQ(client_.available(), 0);
  EXPECT_EQ(pair()["bytes_to_client"], 6);
  command({{"clear", true}});
  EXPECT_EQ(take(client_, 6), "answer");
}

TEST_F(FaultProxyRules, DropOfBothWaysHoldsTheEndToo) {
  start();
  must_pass();
  add({{"kind", "drop"}, {"seconds", 0.3}});
  send(client_, "ask");
  client_.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(rest(server_), std::pair(std::string("ask"), error_code(net::error::eof)));
  EXPECT_EQ(show()["rules"].back()["live"], false) << "it came once the rule had ended";
}

TEST_F(FaultProxyRules, DelayHoldsEachPieceAndKeepsTheirOrder) {
  start();
  must_pass();
  add({{"kind", "delay"}, {"millis", 500'000}, {"jitter_millis", 1000}, {"count", 1000}});
  send(client_, "one");
  until([&] { return hits() == 1; });
  send(client_, "two");
  until([&] { return hits() == 2; });
  EXPECT_EQ(pair()["bytes_to_server"], 3);
  command({{"clear", true}});
  EXPECT_EQ(take(server_, 6), "onetwo");
  add({{"kind", "delay"}, {"millis", 20}, {"count", 1}});
  send(client_, "three");
  EXPECT_EQ(take(server_, 5), "three") << "a delay ends by itself";
}

TEST_F(FaultProxyRules, SlowWritesAFewBytesAtATime) {
  start();
  must_pass();
  add({{"kind", "slow"}, {"bytes_per_second", 1}, {"seconds", 3600}});
  send(client_, std::string(1000, 'x'));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(take(server_, 1), "x");
  until([&] { return pair()["bytes_to_server"] >= 5; });
  const int written = pair()["bytes_to_server"].get<int>() - 3;
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_LE(written, 2 + std::chrono::ceil<std::chrono::seconds>(took).count());
  command({{"clear", true}});
  EXPECT_EQ(take(server_, 999).size(), 999);
}

TEST_F(FaultProxyRules, SliceWritesSoManyBytesAtOnce) {
  start();
  must_pass();
  add({{"kind", "slice"}, {"bytes", 1}, {"direction", "to_client"}, {"seconds", 3600}});
  send(server_, std::string(100, 'x'));
  EXPECT_EQ(take(client_, 100).size(), 100);
  until([&] { return pair()["writes_to_client"] == 101; });
  EXPECT_EQ(hits(), 100);
}

std::string message_of_type(char type, const std::string& body) {
  const auto size = static_cast<char>(body.size() + 4);
  return type + std::string(3, '\0') + size + body;
}

const std::string kHello("\0\0\0\x09\0\x03\0\0\0", 9);
const std::string kCommit = message_of_type('Q', std::string("COMMIT\0", 7));
const std::string kCommitted = message_of_type('C', std::string("COMMIT\0", 7));

TEST_F(FaultProxyRules, CutAtACommitPassesItOnAndLosesTheRest) {
  start(Protocol::Postgres);
  add({{"kind", "cut"}, {"message", "commit"}, {"count", 1}});
  connect();
  send(client_, kHello + kCommit);
  EXPECT_EQ(rest(server_), std::pair(kHello + kCommit, error_code(net::error::eof)));
  EXPECT_EQ(rest(client_).second, net::error::connection_reset);
  EXPECT_EQ(hits(), 1);
  EXPECT_EQ(pair()["messages"]["commit"], 1);
  server_.close();
  until([&] { return show()["open"] == 0; });
}

TEST_F(FaultProxyRules, CutAtTheReplyOfACommitWithholdsIt) {
  start(Protocol::Postgres);
  add({{"kind", "cut"}, {"message", "commit_reply"}, {"count", 1}});
  connect();
  send(client_, kHello + kCommit);
  EXPECT_EQ(take(server_, kHello.size() + kCommit.size()), kHello + kCommit);
  send(server_, kCommitted);
  EXPECT_EQ(rest(client_), std::pair(std::string(), error_code(net::error::connection_reset)));
  EXPECT_EQ(hits(), 1);
  connect();
  send(client_, kHello + kCommit);
  EXPECT_EQ(take(server_, kHello.size() + kCommit.size()), kHello + kCommit);
  send(server_, kCommitted);
  EXPECT_EQ(take(client_, kCommitted.size()), kCommitted) << "its count is spent";
}

TEST_F(FaultProxyRules, AClientWhoseServerIsNotThereIsBroken) {
  start();
  server_door_.close();
  client_.connect(loopback(port_));
  EXPECT_EQ(rest(client_).second, net::error::connection_reset);
}

TEST_F(FaultProxyRules, TheDoorAnswersALineWithALine) {
  start();
  ControlDoor door(network_, [&](std::string_view line) { return proxy_->command(line); });
  const auto address = parse_proxy_address("127.0.0.1:0");
  ASSERT_TRUE(address);
  std::promise<std::string> at;
  net::post(network_, [&] {
    EXPECT_TRUE(door.listen(*address));
    at.set_value(door.address());
  });
  const std::string told = at.get_future().get();
  tcp::socket user(blocking_);
  user.connect(loopback(static_cast<std::uint16_t>(std::stoi(told.substr(told.rfind(':') + 1)))));
  std::string input;
  const auto ask = [&](const std::string& line) {
    send(user, line + '\n');
    const std::size_t size = net::read_until(user, net::dynamic_buffer(input), '\n');
    Json answer = Json::parse(input.substr(0, size));
    input.erase(0, size);
    return answer;
  };
  EXPECT_EQ(ask(R"({"add":{"kind":"slow","bytes_per_second":9,"seconds":60}})"),
            Json({{"ok", true}, {"rule", 1}}));
  EXPECT_EQ(ask(R"({"show":true})")["rules"][0]["kind"], "slow");
  EXPECT_EQ(ask(R"({"remove":1})"), Json({{"ok", true}}));
  EXPECT_EQ(ask(R"({"remove":1})")["ok"], false);
  EXPECT_EQ(ask(R"({"add":{"kind":"slow"}})")["ok"], false);
  EXPECT_EQ(ask(R"({"stop":true})")["error"], "there is no command stop");
  EXPECT_EQ(ask("nonsense")["ok"], false);
  network_.stop();
  thread_.join();
}

}  // namespace
}  // namespace weir::faultproxy
