// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/proxy_options.h"

#include <array>
#include <optional>
#include <utility>

#include "base/enum_words.h"

namespace weir::faultproxy {
namespace {

constexpr std::array<std::string_view, 3> kProtocols = {"tcp", "postgres", "kafka"};

Error refused(const std::string& why) { return {base::Code::InvalidArgument, "bad_usage", why}; }

Result<ProxyPair> parse_pair(const std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos) return refused("--pair " + text + ": write LISTEN=TARGET");
  auto listen = parse_proxy_address(text.substr(0, sign));
  if (!listen) return listen.error();
  auto target = parse_proxy_address(text.substr(sign + 1));
  if (!target) return target.error();
  return ProxyPair{.listen = std::move(*listen), .target = std::move(*target)};
}

Result<void> take(ProxyOptions& options, const std::string& flag, const std::string& value) {
  if (flag == "--pair") {
    auto pair = parse_pair(value);
    if (!pair) return pair.error();
    options.pairs.push_back(std::move(*pair));
  } else if (flag == "--protocol") {
    const auto protocol = base::enum_of<Protocol>(kProtocols, value);
    if (!protocol) return refused("--protocol " + value + ": must be tcp, postgres or kafka");
    options.protocol = *protocol;
  } else if (flag == "--control") {
    auto address = parse_proxy_address(value);
    if (!address) return address.error();
    options.control = std::move(*address);
  } else {
    return refused("there is no " + flag);
  }
  return {};
}

Result<void> check(const ProxyOptions& options, bool anywhere) {
  if (options.pairs.empty()) return refused("--pair is missing");
  if (options.pairs.size() > kPairsMax) return refused("there are more pairs than 64");
  if (anywhere) return {};
  std::vector<const ProxyAddress*> doors = {&options.control};
  for (const ProxyPair& pair : options.pairs) doors.push_back(&pair.listen);
  for (const ProxyAddress* door : doors) {
    if (!door->loopback) {
      return refused(address_text(door->endpoint) +
                     " is not loopback: everybody could come in; if so meant, --listen-anywhere");
    }
  }
  return {};
}

}  // namespace

Result<ProxyOptions> parse_proxy_options(const std::vector<std::string>& words) {
  ProxyOptions options;
  bool anywhere = false;
  auto control = parse_proxy_address("127.0.0.1:0");
  if (!control) return control.error();
  options.control = std::move(*control);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-h" || words[i] == "--help") {
      options.help = true;
      return options;
    }
    if (words[i] == "--listen-anywhere") {
      anywhere = true;
    } else if (i + 1 == words.size()) {
      return refused(words[i] + ": its value is missing");
    } else {
      WEIR_CHECK(take(options, words[i], words[i + 1]));
      ++i;
    }
  }
  WEIR_CHECK(check(options, anywhere));
  return options;
}

}  // namespace weir::faultproxy
