// SPDX-License-Identifier: Apache-2.0
#include "drivers/files/durable_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>

namespace weir::files {
namespace {

TEST(DurableFile, WritesAllThatTakesManyCalls) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const std::string sent(1'000'000, 'x');  // more than a pipe holds
  std::thread writer([&] {
    EXPECT_TRUE(write_all(ends[1], sent));
    close(ends[1]);
  });
  std::string got;
  std::array<char, 5000> part{};
  for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;) {
    got.append(part.data(), static_cast<std::size_t>(n));
  }
  writer.join();
  close(ends[0]);
  EXPECT_EQ(got, sent);
}

TEST(DurableFile, SaysWhyNothingCouldBeWritten) {
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_FALSE(write_all(file, "x"));
  EXPECT_EQ(errno, EBADF);
  EXPECT_FALSE(write_durably(file, "x"));
  close(file);
}

TEST(DurableFile, SyncsTheFolderOfAName) {
  EXPECT_TRUE(sync_folder_of(testing::TempDir() + "/any"));
  EXPECT_TRUE(sync_folder_of("here"));
  EXPECT_FALSE(sync_folder_of("/no/such/folder/file"));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace weir::files
