// SPDX-License-Identifier: Apache-2.0
#include "server/auth/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/auth/limits.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

namespace fs = std::filesystem;

class SecretFile : public FolderTest {
 protected:
  void write_plain(std::string_view name, const std::string& text, unsigned mode) {
    std::ofstream(path(name)) << text;
    fs::permissions(path(name), fs::perms(mode));
  }
  std::string reason_of(std::string_view name) {
    const auto read = read_secret_file(path(name));
    return read.ok() ? "" : read.error().reason();
  }
};

TEST_F(SecretFile, HasTheModeItWasWrittenWithWhateverTheMask) {
  const mode_t before = umask(0);
  for (const mode_t mode : {kOwnerReads, kOwnerWrites}) {
    ASSERT_TRUE(write_secret_file(path("secret"), server::Secret("one"), mode).ok());
    EXPECT_EQ(mode_of(path("secret")), mode);
  }
  umask(before);
}

TEST_F(SecretFile, IsReplacedWholeAndLeavesNothingBehind) {
  ASSERT_TRUE(write_secret_file(path("secret"), server::Secret("one"), kOwnerReads).ok());
  ASSERT_TRUE(write_secret_file(path("secret"), server::Secret("two"), kOwnerReads).ok());
  EXPECT_EQ(read_secret_file(path("secret"))->reveal(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(path("")), fs::directory_iterator()), 1);
}

TEST_F(SecretFile, IsPlacedOnlyWhereNoneIs) {
  ASSERT_TRUE(place_secret_file(path("secret"), server::Secret("one"), kOwnerReads).ok());
  const auto again = place_secret_file(path("secret"), server::Secret("two"), kOwnerReads);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason(), "file_exists");
  EXPECT_EQ(read_secret_file(path("secret"))->reveal(), "one");
  EXPECT_EQ(std::distance(fs::directory_iterator(path("")), fs::directory_iterator()), 1);
}

TEST_F(SecretFile, SaysWhenItCannotBeWritten) {
  const auto written =
      write_secret_file(path("no/such/folder"), server::Secret("hidden"), kOwnerReads);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().reason(), "file_unwritable");
  EXPECT_EQ(written.error().message().find("hidden"), std::string::npos);
}

TEST_F(SecretFile, LosesItsLastLineEndOnly) {
  write_plain("secret", "one\ntwo\n", 0600);
  EXPECT_EQ(read_secret_file(path("secret"))->reveal(), "one\ntwo");
}

TEST_F(SecretFile, IsRefusedWheneverOthersReachIt) {
  for (const unsigned mode : {0644U, 0640U, 0604U, 0610U, 0601U, 0620U, 0602U, 0666U}) {
    write_plain("secret", "hidden", 0600);
    fs::permissions(path("secret"), fs::perms(mode));
    const auto read = read_secret_file(path("secret"));
    ASSERT_FALSE(read.ok()) << mode;
    EXPECT_EQ(read.error().code(), Code::FailedPrecondition);
    EXPECT_EQ(read.error().reason(), "file_exposed");
    EXPECT_NE(read.error().message().find("mend it with: chmod 0400 "), std::string::npos);
    EXPECT_EQ(read.error().message().find("hidden"), std::string::npos);
  }
  fs::permissions(path("secret"), fs::perms(0644));
  EXPECT_NE(read_secret_file(path("secret")).error().message().find("mode 0644"),
            std::string::npos);
}

TEST_F(SecretFile, IsRefusedWhenItBelongsToAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives a file away";
  write_plain("secret", "hidden", 0600);
  ASSERT_EQ(chown(path("secret").c_str(), 65534, 65534), 0);
  const auto read = read_secret_file(path("secret"));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().reason(), "file_exposed");
  EXPECT_NE(read.error().message().find("mend it with: chown 0 "), std::string::npos);
}

TEST_F(SecretFile, IsRefusedWhenItIsNoShortPlainFile) {
  EXPECT_EQ(reason_of("missing"), "file_missing");
  write_plain("empty", "", 0600);
  EXPECT_EQ(reason_of("empty"), "file_invalid");
  write_plain("blank", "\n", 0600);
  EXPECT_EQ(reason_of("blank"), "file_invalid");
  write_plain("most", std::string(kSecretFileBytesMax, 'x'), 0600);
  EXPECT_EQ(reason_of("most"), "");
  write_plain("more", std::string(kSecretFileBytesMax + 1, 'x'), 0600);
  EXPECT_EQ(reason_of("more"), "file_invalid");
  ASSERT_TRUE(fs::create_directory(path("folder")));
  EXPECT_EQ(reason_of("folder"), "file_invalid");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(reason_of("pipe"), "file_invalid");
}

}  // namespace
}  // namespace weir::auth
