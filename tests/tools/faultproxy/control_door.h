// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tests/tools/faultproxy/proxy_address.h"

namespace weir::faultproxy {

/// Where rules are changed while the proxy runs: a line is a command, a line answers it.
class ControlDoor {
 public:
  using Answer = std::function<std::string(std::string_view line)>;

  ControlDoor(boost::asio::io_context& network, Answer answer);
  ~ControlDoor();
  ControlDoor(const ControlDoor&) = delete;
  ControlDoor& operator=(const ControlDoor&) = delete;

  Result<void> listen(const ProxyAddress& address);
  std::string address() const { return address_text(acceptor_.local_endpoint()); }

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  struct User;

  void accept();
  void read(const std::shared_ptr<User>& user);
  void answer(const std::shared_ptr<User>& user);

  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor_;
  Answer answer_;
  std::string path_;
  // Theirs too: a call that waits may outlive the door, until the network's end.
  std::shared_ptr<std::size_t> users_ = std::make_shared<std::size_t>(0);
};

}  // namespace weir::faultproxy
