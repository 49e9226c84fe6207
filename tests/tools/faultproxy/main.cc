// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <string>

#include "tests/tools/faultproxy/control_door.h"
#include "tests/tools/faultproxy/fault_proxy.h"
#include "tests/tools/faultproxy/proxy_options.h"

namespace weir::faultproxy {
namespace {

constexpr int kBadUsage = 2;

int serve(const ProxyOptions& options) {
  boost::asio::io_context network{1};
  FaultProxy proxy(network, options.protocol, options.pairs);
  ControlDoor control(network, [&](std::string_view line) { return proxy.command(line); });
  Result<void> listens = proxy.listen();
  if (listens) listens = control.listen(options.control);
  if (!listens) {
    std::cerr << "weir-faultproxy: " << listens.error().message() << '\n';
    return 1;
  }
  boost::asio::signal_set ends(network, SIGINT, SIGTERM);
  ends.async_wait([&](auto...) { network.stop(); });
  std::cout << R"({"control":")" << control.address() << R"(","pairs":)" << proxy.pairs_json()
            << '}' << std::endl;
  network.run();
  return 0;
}

}  // namespace
}  // namespace weir::faultproxy

int main(int argc, char** argv) {
  const auto options = weir::faultproxy::parse_proxy_options({argv + 1, argv + argc});
  if (!options) {
    std::cerr << "weir-faultproxy: " << options.error().message() << '\n'
              << weir::faultproxy::kProxyUsage;
    return weir::faultproxy::kBadUsage;
  }
  if (options->help) {
    std::cout << weir::faultproxy::kProxyUsage;
    return 0;
  }
  return weir::faultproxy::serve(*options);
}
