// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/tools/faultproxy/fault_proxy.h"

namespace weir::faultproxy {

inline constexpr std::string_view kProxyUsage =
    R"(usage: weir-faultproxy [--protocol tcp|postgres|kafka] [--control ADDRESS]
                       [--listen-anywhere] --pair LISTEN=TARGET [--pair LISTEN=TARGET...]
Passes connections on, but for what rules do to them. ADDRESS, LISTEN and TARGET are HOST:PORT,
[HOST]:PORT or unix:/PATH; port 0 takes a free one. Its first line of output is JSON: where it
listens.
  --pair LISTEN=TARGET  may be given several times; rules name a pair by its number, from 0
  --protocol NAME       whose messages rules can cut at (else tcp, none)
  --control ADDRESS     where rules are told, a JSON object a line (else 127.0.0.1:0)
  --listen-anywhere     LISTEN and the control door may be other addresses than loopback
)";

struct ProxyOptions {
  bool help = false;
  Protocol protocol = Protocol::Tcp;
  ProxyAddress control = {};
  std::vector<ProxyPair> pairs = {};
};

/// INVALID_ARGUMENT names the word that is wrong.
Result<ProxyOptions> parse_proxy_options(const std::vector<std::string>& words);

}  // namespace weir::faultproxy
