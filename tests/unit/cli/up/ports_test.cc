// SPDX-License-Identifier: Apache-2.0
#include "cli/up/ports.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "drivers/process/file_descriptor.h"
#include "tests/hand_clock.h"

namespace weir::cli {
namespace {

/// A listener on a free port of loopback.
struct Listener {
  process::FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;

  explicit Listener(std::uint16_t wanted = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(wanted);
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket.number(), raw, length), 0);
    EXPECT_EQ(listen(socket.number(), 1), 0);
    EXPECT_EQ(getsockname(socket.number(), raw, &length), 0);
    port = ntohs(address.sin_port);
  }
};

TEST(ChoosePorts, FindsTwoDifferentFreeOnes) {
  weir::test::HandClock clock;
  base::SeededRandom random(1);
  const Result<UpPorts> ports = choose_ports({}, clock, random);
  ASSERT_TRUE(ports.ok());
  EXPECT_NE(ports->grpc, 0);
  EXPECT_NE(ports->http, 0);
  EXPECT_NE(ports->grpc, ports->http);
  EXPECT_LT(ports->grpc, 32'768) << "the kernel puts outgoing connections there";
}

TEST(ChoosePorts, PassesOverTakenOnes) {
  weir::test::HandClock clock;
  base::SeededRandom random(1);
  const UpPorts first = *choose_ports({}, clock, random);
  base::SeededRandom again(1);
  const Listener taken(first.grpc);
  const Result<UpPorts> ports = choose_ports({}, clock, again);
  ASSERT_TRUE(ports.ok());
  EXPECT_NE(ports->grpc, first.grpc);
}

TEST(ChoosePorts, KeepsWhatIsWantedAndFree) {
  weir::test::HandClock clock;
  base::SeededRandom random(1);
  const UpPorts free = *choose_ports({}, clock, random);
  const Result<UpPorts> ports = choose_ports(free, clock, random);
  ASSERT_TRUE(ports.ok());
  EXPECT_EQ(ports->grpc, free.grpc);
  EXPECT_EQ(ports->http, free.http);
}

TEST(ChoosePorts, NamesTheFlagForATakenOne) {
  weir::test::HandClock clock;
  base::SeededRandom random(1);
  const Listener taken;
  const Result<UpPorts> grpc = choose_ports({.grpc = taken.port, .http = 0}, clock, random);
  ASSERT_FALSE(grpc.ok());
  EXPECT_EQ(grpc.error().reason(), "port_taken");
  EXPECT_THAT(grpc.error().message(), testing::AllOf(testing::HasSubstr(std::to_string(taken.port)),
                                                     testing::HasSubstr("--grpc-port")));
  const Result<UpPorts> http = choose_ports({.grpc = 0, .http = taken.port}, clock, random);
  ASSERT_FALSE(http.ok());
  EXPECT_THAT(http.error().message(), testing::HasSubstr("--http-port"));
}

}  // namespace
}  // namespace weir::cli
