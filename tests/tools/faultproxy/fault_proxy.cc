// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/fault_proxy.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace weir::faultproxy {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using Json = nlohmann::json;
using std::chrono::steady_clock;

Error not_listening(const ProxyAddress& address, const error_code& error) {
  return {base::Code::Unavailable, "cannot_listen",
          "cannot listen on " + address_text(address.endpoint) + ": " + error.message()};
}

std::string failed(const std::string& why) { return Json{{"ok", false}, {"error", why}}.dump(); }

Json told(const LiveRule& one, bool live) {
  Json json = {
      {"rule", one.id}, {"kind", kind_name(one.rule.kind)}, {"hits", one.hits}, {"live", live}};
  if (one.rule.message != Message::None) json["message"] = message_name(one.rule.message);
  if (one.rule.pair) json["pair"] = *one.rule.pair;
  return json;
}

/// Doors that stay open count and break whom they refuse; others are closed.
bool closes(const LiveRule& rule) { return !rule.rule.count; }

}  // namespace

FaultProxy::FaultProxy(net::io_context& network, Protocol protocol, std::vector<ProxyPair> pairs)
    : network_(network),
      context_{.network = network, .protocol = protocol, .rules = rules_},
      sweep_(network) {
  for (ProxyPair& pair : pairs) doors_.push_back(std::make_unique<Door>(std::move(pair), network));
}

FaultProxy::~FaultProxy() {
  for (const auto& door : doors_) {
    if (!door->pair.listen.path.empty()) unlink(door->pair.listen.path.c_str());
  }
}

Result<void> FaultProxy::listen() {
  for (std::size_t number = 0; number < doors_.size(); ++number) {
    WEIR_CHECK(bind(*doors_[number]));
    WEIR_CHECK(open(number));
  }
  return {};
}

Result<void> FaultProxy::bind(Door& door) {
  ProxyAddress& at = door.pair.listen;
  if (!at.path.empty()) unlink(at.path.c_str());
  error_code error;
  door.acceptor.open(at.endpoint.protocol(), error);
  if (!error) door.acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) door.acceptor.bind(at.endpoint, error);
  if (error) return not_listening(at, error);
  at.endpoint = door.acceptor.local_endpoint();  // with the port that it got
  return {};
}

Result<void> FaultProxy::open(std::size_t number) {
  Door& door = *doors_[number];
  error_code error;
  door.acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error) return not_listening(door.pair.listen, error);
  door.listening = true;
  accept(number);
  return {};
}

void FaultProxy::accept(std::size_t number) {
  doors_[number]->acceptor.async_accept(
      [this, number](error_code error, ProxiedConnection::Socket client) {
        if (error == net::error::operation_aborted) return;
        if (!error) on_accept(number, std::move(client));
        if (doors_[number]->listening) accept(number);
      });
}

void FaultProxy::on_accept(std::size_t number, ProxiedConnection::Socket client) {
  Door& door = *doors_[number];
  ++door.counts.connections;
  const Moment now = steady_clock::now();
  LiveRule* rule = rules_.find(FaultKind::Refuse, number, now);
  if (rule == nullptr) rule = rules_.find(FaultKind::Reset, number, now);
  if (rule != nullptr) ++rule->hits;
  if (rule != nullptr || connections_.size() >= kConnectionsMax) {
    error_code ignored;
    client.set_option(net::socket_base::linger(true, 0), ignored);
    client.close(ignored);
    return;
  }
  if (door.pair.listen.path.empty()) {
    error_code ignored;
    client.set_option(net::ip::tcp::no_delay(true), ignored);
  }
  const auto connection = std::make_shared<ProxiedConnection>(
      context_, number, door.counts, std::move(client),
      [this](ProxiedConnection& closed) { connections_.erase(&closed); });
  connections_.insert(connection.get());
  connection->start(door.pair.target.endpoint);
}

std::string FaultProxy::pairs_json() const {
  Json pairs = Json::array();
  for (const auto& door : doors_) {
    pairs.push_back({{"listen", address_text(door->pair.listen.endpoint)},
                     {"target", address_text(door->pair.target.endpoint)}});
  }
  return pairs.dump();
}

std::string FaultProxy::command(std::string_view line) {
  const Json parsed = Json::parse(line, nullptr, false);
  if (!parsed.is_object() || parsed.size() != 1) {
    return failed(
        "a command is one of {\"add\": RULE}, {\"remove\": NUMBER}, {\"clear\": true},"
        " {\"show\": true}");
  }
  const std::string& name = parsed.begin().key();
  const Json& value = parsed.begin().value();
  if (name == "add") return add(value.dump());
  if (name == "show") return show();
  if (name == "clear") {
    rules_.clear();
  } else if (name != "remove") {
    return failed("there is no command " + name);
  } else if (!value.is_number_unsigned() || !rules_.remove(value.get<std::uint64_t>())) {
    return failed("no rule of this number is in force");
  }
  apply_rules();
  return R"({"ok":true})";
}

std::string FaultProxy::add(std::string_view text) {
  const auto rule = parse_fault_rule(text, doors_.size(), context_.protocol);
  if (!rule) return failed(rule.error().message());
  const auto id = rules_.add(*rule, steady_clock::now());
  if (!id) return failed("too many rules are in force: remove some");
  if (rule->kind == FaultKind::Reset) apply_reset(*id);
  apply_rules();
  return Json{{"ok", true}, {"rule", *id}}.dump();
}

void FaultProxy::apply_reset(std::uint64_t id) {
  LiveRule* rule = rules_.get(id);
  const std::set<ProxiedConnection*> open = connections_;
  for (ProxiedConnection* one : open) {
    if (rule->spent(steady_clock::now()) || !rule->rule.of(one->pair())) continue;
    ++rule->hits;
    one->reset();
  }
}

std::string FaultProxy::show() {
  rules_.sweep(steady_clock::now());
  Json rules = Json::array();
  for (const LiveRule& one : rules_.ended()) rules.push_back(told(one, false));
  for (const LiveRule& one : rules_.live()) rules.push_back(told(one, true));
  Json pairs = Json::array();
  for (const auto& door : doors_) {
    const PairCounts& counts = door->counts;
    Json messages = Json::object();
    for (const auto& [message, count] : counts.messages) {
      messages[std::string(message_name(message))] = count;
    }
    pairs.push_back({{"listen", address_text(door->pair.listen.endpoint)},
                     {"listening", door->listening},
                     {"connections", counts.connections},
                     {"bytes_to_server", counts.bytes[0]},
                     {"bytes_to_client", counts.bytes[1]},
                     {"writes_to_server", counts.writes[0]},
                     {"writes_to_client", counts.writes[1]},
                     {"messages", std::move(messages)}});
  }
  return Json{{"ok", true},
              {"open", connections_.size()},
              {"pairs", std::move(pairs)},
              {"rules", std::move(rules)}}
      .dump();
}

void FaultProxy::apply_rules() {
  rules_.sweep(steady_clock::now());
  sync_doors();
  const std::set<ProxiedConnection*> open = connections_;
  for (ProxiedConnection* one : open) {
    if (connections_.contains(one)) one->wake();
  }
  sweep_.cancel();
  const auto end = rules_.next_end();
  if (!end) return;
  sweep_.expires_at(*end);
  sweep_.async_wait([this](error_code error) {
    if (!error) apply_rules();
  });
}

void FaultProxy::sync_doors() {
  for (std::size_t number = 0; number < doors_.size(); ++number) {
    Door& door = *doors_[number];
    const LiveRule* refuses = rules_.find(FaultKind::Refuse, number, steady_clock::now());
    const bool wanted = refuses == nullptr || !closes(*refuses);
    if (wanted == door.listening) continue;
    if (wanted) {
      door.listening = open(number).ok();
      continue;
    }
    error_code ignored;
    door.listening = false;
    door.acceptor.close(ignored);
    // Bound and deaf: nobody else takes the port, and the system refuses who comes.
    const Result<void> bound = bind(door);
    if (!bound) door.acceptor.close(ignored);
  }
}

}  // namespace weir::faultproxy
