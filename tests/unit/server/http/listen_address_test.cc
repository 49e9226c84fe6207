// SPDX-License-Identifier: Apache-2.0
#include "server/http/listen_address.h"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

TEST(ListenAddress, PutsBracketsAroundVersion6) {
  EXPECT_EQ((ListenAddress{"127.0.0.1", 8001}).text(), "127.0.0.1:8001");
  EXPECT_EQ((ListenAddress{"::1", 8001}).text(), "[::1]:8001");
  EXPECT_EQ((ListenAddress{"[::1]", 8001}).text(), "[::1]:8001");
  EXPECT_EQ((ListenAddress{"localhost", 1}).text(), "localhost:1");
}

TEST(ListenAddress, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LocalHost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "",
                           "127.0.0.1.example", "fe80::1"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(ListenAddress, NamesAUnixSocketByItsPath) {
  const ListenAddress address{.path = "/run/weir/internal.sock"};
  EXPECT_TRUE(address.is_unix());
  EXPECT_EQ(address.text(), "unix:/run/weir/internal.sock");
  EXPECT_FALSE(ListenAddress{}.is_unix());
}

}  // namespace
}  // namespace weir::server
