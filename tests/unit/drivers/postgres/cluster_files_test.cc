// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/cluster_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "drivers/postgres/limits.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

class ClusterFiles : public testing::Test {
 protected:
  ClusterFiles() {
    std::string path = "/tmp/weir-files-XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    root_ = path;
  }
  ~ClusterFiles() override { fs::remove_all(root_); }

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }
  void install(const std::string& folder) const {
    for (const char* program : {"postgres", "initdb"}) {
      fs::permissions(write(folder + "/" + program, ""), fs::perms::owner_all);
    }
  }

  fs::path root_;
};

TEST_F(ClusterFiles, TakesConfiguredBinariesOnlyIfTheyAreThere) {
  const auto missing = find_binaries(root_, root_ / "data");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().reason(), "postgres_missing");
  install("bin");
  const auto found = find_binaries(root_ / "bin", root_ / "data");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, root_ / "bin");
}

TEST_F(ClusterFiles, WantsTheVersionThatWroteTheData) {
  write("data/PG_VERSION", "9\n");
  EXPECT_EQ(data_version(root_ / "data"), 9);
  const auto found = find_binaries({}, root_ / "data");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().reason(), "postgres_missing");
  EXPECT_NE(found.error().message().find("postgresql-9"), std::string::npos);
}

TEST_F(ClusterFiles, MakesAFolderThatOnlyItsUserCanEnter) {
  ASSERT_TRUE(make_private_folder(root_ / "pg", std::nullopt).ok());
  ASSERT_TRUE(make_private_folder(root_ / "pg", std::nullopt).ok());
  struct stat found{};
  ASSERT_EQ(lstat((root_ / "pg").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0700U);
}

TEST_F(ClusterFiles, TightensAFolderThatIsOpen) {
  fs::create_directory(root_ / "pg");
  fs::permissions(root_ / "pg", fs::perms::all);
  ASSERT_TRUE(make_private_folder(root_ / "pg", std::nullopt).ok());
  EXPECT_EQ(fs::status(root_ / "pg").permissions(), fs::perms::owner_all);
}

TEST_F(ClusterFiles, FollowsNoSymbolicLink) {
  fs::create_directory(root_ / "real");
  fs::create_directory_symlink(root_ / "real", root_ / "pg");
  const auto made = make_private_folder(root_ / "pg", std::nullopt);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().reason(), "state_dir_unusable");
  write("real/target", "keep");
  fs::create_symlink(root_ / "real/target", root_ / "log");
  EXPECT_FALSE(open_log(root_ / "log").ok());
  EXPECT_FALSE(take_lock(root_ / "log").ok());
}

TEST_F(ClusterFiles, RefusesAFolderOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give folders away";
  fs::create_directory(root_ / "pg");
  ASSERT_EQ(chown((root_ / "pg").c_str(), 12345, 12345), 0);
  const auto made = make_private_folder(root_ / "pg", process::find_user("nobody"));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().reason(), "state_dir_unusable");
}

TEST_F(ClusterFiles, GivesTheLockToOneAtATimeAndNamesTheHolder) {
  {
    const auto lock = take_lock(root_ / "lock");
    ASSERT_TRUE(lock.ok());
    const auto other = take_lock(root_ / "lock");
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().reason(), "cluster_in_use");
    EXPECT_NE(other.error().message().find(std::to_string(getpid())), std::string::npos);
  }
  EXPECT_TRUE(take_lock(root_ / "lock").ok());
}

TEST_F(ClusterFiles, MovesTheSocketWhereItsPathIsShortEnough) {
  const auto near = make_socket_folder(root_ / "socket", std::nullopt);
  ASSERT_TRUE(near.ok());
  EXPECT_EQ(*near, root_ / "socket");
  const fs::path deep = root_ / std::string(kSocketPathBytesMax, 'd') / "socket";
  const auto moved = make_socket_folder(deep, std::nullopt);
  ASSERT_TRUE(moved.ok());
  EXPECT_LE(moved->string().size() + std::string("/.s.PGSQL.5432").size(), kSocketPathBytesMax);
  const auto again = make_socket_folder(deep, std::nullopt);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *moved);
  fs::remove_all(*moved);
}

TEST_F(ClusterFiles, MovesTheSocketOutOfAFolderWhoseNameClientsMisread) {
  const auto folder = make_socket_folder(root_ / "a,b", std::nullopt);
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(folder->string().find(','), std::string::npos);
  fs::remove_all(*folder);
}

TEST_F(ClusterFiles, UsesAPathOfExactlyTheLongestLength) {
  const std::size_t taken = root_.string().size() + std::string("//.s.PGSQL.5432").size();
  const std::string name(kSocketPathBytesMax - taken, 'x');
  const auto folder = make_socket_folder(root_ / name, std::nullopt);
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(*folder, root_ / name);
}

TEST_F(ClusterFiles, NamesTheFolderThatTheUserCannotPass) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can step down";
  fs::permissions(root_, fs::perms::owner_all | fs::perms::others_exec);
  const fs::path closed = root_ / "closed";
  fs::create_directories(closed / "pg");
  fs::permissions(closed, fs::perms::owner_all);
  const auto reached = check_reachable(closed / "pg", process::find_user("nobody"));
  ASSERT_FALSE(reached.ok());
  EXPECT_EQ(reached.error().reason(), "state_dir_unusable");
  EXPECT_NE(reached.error().message().find("nobody, who cannot enter " + closed.string() + ":"),
            std::string::npos);
}

TEST_F(ClusterFiles, RunsAsTheOwnerOfTheData) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has a choice";
  const auto nobody = process::find_user("nobody");
  fs::create_directory(root_ / "data");
  ASSERT_EQ(chown((root_ / "data").c_str(), nobody->uid, nobody->gid), 0);
  const auto user = choose_user("", root_ / "data");
  ASSERT_TRUE(user.ok() && user->has_value());
  EXPECT_EQ((*user)->uid, nobody->uid);
  EXPECT_EQ((*choose_user("nobody", root_ / "none"))->uid, nobody->uid);
  EXPECT_FALSE(choose_user("root", root_ / "none").ok());
}

TEST_F(ClusterFiles, ReadsTheEndOfALog) {
  const fs::path file = write("log", "old\nnew\n");
  EXPECT_EQ(read_tail(file), "old\nnew");
  EXPECT_EQ(read_tail(file, 4), "new");
  EXPECT_EQ(read_tail(file, 8), "");
  EXPECT_EQ(read_tail(write("long", std::string(9'000, 'x'))).size(), 2'048U);
  EXPECT_EQ(read_tail(root_ / "none"), "");
}

TEST_F(ClusterFiles, MovesALogAsideWhenItIsTooLong) {
  const fs::path file = write("log", "");
  fs::resize_file(file, kClusterLogBytesMax + 1);
  ASSERT_TRUE(open_log(file).ok());
  EXPECT_EQ(fs::file_size(file), 0U);
  EXPECT_EQ(fs::file_size(file.string() + ".1"), kClusterLogBytesMax + 1);
}

TEST_F(ClusterFiles, CopiesADataFolderWhole) {
  write("from/PG_VERSION", "15\n");
  write("from/base/1/2", "page");
  ASSERT_TRUE(copy_data(root_ / "from", root_ / "to", std::nullopt).ok());
  EXPECT_EQ(read_tail(root_ / "to/base/1/2"), "page");
  EXPECT_EQ(data_version(root_ / "to"), 15);
  EXPECT_FALSE(copy_data(root_ / "none", root_ / "to2", std::nullopt).ok());
}

}  // namespace
}  // namespace weir::postgres
