// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_unix_socket.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "tests/unit/server/http/http_fixture.h"

namespace weir::server {
namespace {

using testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
}

/// A process that binds a path, says whether it could, and lives until it is killed.
class Rival {
 public:
  explicit Rival(const std::string& path) {
    std::array<int, 2> ends = {};
    EXPECT_EQ(pipe(ends.data()), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const Result<HttpUnixSocket> opened = HttpUnixSocket::open(path, 0600);
      const char said = opened.ok() ? 'y' : 'n';
      if (write(ends[1], &said, 1) == 1) pause();
      _exit(0);
    }
    close(ends[1]);
    said_ = ends[0];
  }
  ~Rival() {
    kill();
    close(said_);
  }
  Rival(const Rival&) = delete;
  Rival& operator=(const Rival&) = delete;

  bool has_it() {
    char said = '?';
    EXPECT_EQ(read(said_, &said, 1), 1);
    return said == 'y';
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int said_ = -1;
};

TEST(HttpUnixSocket, MakesItsFolderForTheOwnerAlone) {
  const TestFolder folder;
  const std::string path = folder / "run/internal.sock";
  {
    const Result<HttpUnixSocket> opened = HttpUnixSocket::open(path, 0600);
    ASSERT_TRUE(opened.ok()) << opened.error().describe();
    EXPECT_EQ(mode_of(folder / "run"), 0700U);
    EXPECT_EQ(mode_of(path), 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "run"));
  const Result<HttpUnixSocket> wider = HttpUnixSocket::open(path, 0666);
  ASSERT_TRUE(wider.ok());
  EXPECT_EQ(mode_of(path), 0666U);
}

TEST(HttpUnixSocket, LeavesOtherFilesAlone) {
  const TestFolder folder;
  const std::string path = folder / "file";
  std::ofstream(path) << "precious";
  const Result<HttpUnixSocket> opened = HttpUnixSocket::open(path, 0600);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason(), "listen_failed");
  EXPECT_THAT(opened.error().message(), HasSubstr("no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(HttpUnixSocket, SaysWhyAPathCannotBe) {
  const TestFolder folder;
  const auto reason = [](const std::string& path) {
    const Result<HttpUnixSocket> opened = HttpUnixSocket::open(path, 0600);
    return opened.ok() ? "" : opened.error().message();
  };
  EXPECT_THAT(reason(folder / std::string(108, 'x')), HasSubstr("107 bytes"));
  EXPECT_THAT(reason(folder / "no/such/folder.sock"), HasSubstr("No such file"));
}

TEST(HttpUnixSocket, GivesAPathToOneOfManyProcesses) {
  const TestFolder folder;
  const std::string path = folder / "sock";
  for (int round = 0; round < 4; ++round) {
    std::vector<std::unique_ptr<Rival>> rivals;
    for (int number = 0; number < 6; ++number) rivals.push_back(std::make_unique<Rival>(path));
    int winners = 0;
    for (const auto& rival : rivals) winners += rival->has_it() ? 1 : 0;
    EXPECT_EQ(winners, 1);
    EXPECT_FALSE(HttpUnixSocket::open(path, 0600).ok());
  }  // killed: file and lock stay behind for the next round
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(HttpUnixSocket::open(path, 0600).ok());
}

TEST(HttpUnixSocket, LeavesAListenerWithoutALockAlone) {
  const TestFolder folder;
  const std::string path = folder / "sock";
  Result<HttpUnixSocket> first = HttpUnixSocket::open(path, 0600);
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(path + ".lock");
  const Result<HttpUnixSocket> second = HttpUnixSocket::open(path, 0600);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message(), HasSubstr("another process listens there"));
  EXPECT_TRUE(HttpClient(path).connected());
}

TEST(HttpUnixSocket, RemovesOnlyItsOwnFile) {
  const TestFolder folder;
  const std::string path = folder / "sock";
  {
    Result<HttpUnixSocket> opened = HttpUnixSocket::open(path, 0600);
    ASSERT_TRUE(opened.ok());
    std::filesystem::rename(path, path + ".moved");
    std::ofstream(path) << "somebody else's";
  }
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

class UnixServerTest : public HttpFixture {
 protected:
  UnixServerTest() {
    router_.add({"GET", "/who", [](const HttpRequest& request) {
                   const std::string uid =
                       request.peer_uid ? std::to_string(*request.peer_uid) : "nobody";
                   return HttpResponse{.body = request.peer + " " + uid};
                 }});
  }
  TestFolder folder_;
};

TEST_F(UnixServerTest, ServesAndKnowsWhoAsks) {
  const std::string path = folder_ / "run/sock";
  start({.address = {.path = path}});
  EXPECT_EQ(server_->port(), 0);
  EXPECT_EQ(mode_of(path), 0600U);
  HttpClient client(path);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(client.get("/who").body, "unix " + std::to_string(getuid()));
  }
  server_->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(UnixServerTest, KnowsNoUserOverTcp) {
  start();
  EXPECT_THAT(HttpClient(server_->port()).get("/who").body,
              testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+ nobody"));
}

TEST_F(UnixServerTest, RefusesASecondListenerAndFollowsAStoppedOne) {
  const std::string path = folder_ / "sock";
  start({.address = {.path = path}});
  Result<std::unique_ptr<HttpServer>> second =
      HttpServer::create({.address = {.path = path}}, router_, {random_, log_});
  ASSERT_TRUE(second.ok());
  const Result<void> refused = (*second)->start();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(),
            "listen on unix:" + path + ": another process listens there");
  EXPECT_EQ(HttpClient(path).get("/who").status, 200);
  server_->stop();
  start({.address = {.path = path}});
  EXPECT_EQ(HttpClient(path).get("/who").status, 200);
}

}  // namespace
}  // namespace weir::server
