// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/control_door.h"

#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "tests/tools/faultproxy/limits.h"

namespace weir::faultproxy {

namespace net = boost::asio;
using boost::system::error_code;

struct ControlDoor::User {
  User(Socket made, std::shared_ptr<std::size_t> counted)
      : socket(std::move(made)), count(std::move(counted)) {
    ++*count;
  }
  ~User() { --*count; }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  Socket socket;
  std::shared_ptr<std::size_t> count;
  std::string input;
  std::string output;
};

ControlDoor::ControlDoor(net::io_context& network, Answer answer)
    : acceptor_(network), answer_(std::move(answer)) {}

ControlDoor::~ControlDoor() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<void> ControlDoor::listen(const ProxyAddress& address) {
  if (!address.path.empty()) unlink(address.path.c_str());
  error_code error;
  acceptor_.open(address.endpoint.protocol(), error);
  if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(address.endpoint, error);
  if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
  if (error) {
    return Error(base::Code::Unavailable, "cannot_listen",
                 "cannot listen on " + address_text(address.endpoint) + ": " + error.message());
  }
  path_ = address.path;
  accept();
  return {};
}

void ControlDoor::accept() {
  acceptor_.async_accept([this](error_code error, Socket socket) {
    if (error == net::error::operation_aborted) return;
    if (!error && *users_ < kControlUsersMax) {
      read(std::make_shared<User>(std::move(socket), users_));
    }
    accept();
  });
}

void ControlDoor::read(const std::shared_ptr<User>& user) {
  net::async_read_until(user->socket, net::dynamic_buffer(user->input, kCommandBytesMax), '\n',
                        [this, user](error_code error, std::size_t size) {
                          if (error) return;
                          const std::string line = user->input.substr(0, size - 1);
                          user->input.erase(0, size);
                          user->output = answer_(line) + '\n';
                          answer(user);
                        });
}

void ControlDoor::answer(const std::shared_ptr<User>& user) {
  net::async_write(user->socket, net::buffer(user->output),
                   [this, user](error_code error, std::size_t) {
                     if (!error) read(user);
                   });
}

}  // namespace weir::faultproxy
