// SPDX-License-Identifier: Apache-2.0
#include "server/auth/worker_token.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/base64.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::hours;

StoredWorkerToken stored(const std::string& name, const server::Secret& token) {
  return {.name = name,
          .sha256 = *worker_token_digest(token.reveal()),
          .not_before = kNow - hours(1),
          .expires_at = kNow + hours(1)};
}

TEST(WorkerToken, HasThirtyTwoBytesThatNoOtherHas) {
  std::set<std::string> seen;
  for (int round = 0; round < 100; ++round) {
    const auto token = new_worker_token();
    ASSERT_TRUE(token.ok());
    EXPECT_EQ(base::decode_base64url(token->reveal()).value().size(), 32U);
    EXPECT_TRUE(seen.insert(token->reveal()).second);
  }
}

TEST(WorkerToken, SeveralAreValidAtOnce) {
  const server::Secret old = *new_worker_token();
  const server::Secret fresh = *new_worker_token();
  const std::vector<StoredWorkerToken> tokens = {stored("old", old), stored("new", fresh)};
  EXPECT_EQ((*check_worker_token(old.reveal(), tokens, kNow))->name, "old");
  EXPECT_EQ((*check_worker_token(fresh.reveal(), tokens, kNow))->name, "new");
}

TEST(WorkerToken, IsRefusedBeforeAndAfterItsTimeAndWhenRevoked) {
  const server::Secret token = *new_worker_token();
  std::vector<StoredWorkerToken> tokens = {stored("one", token)};
  EXPECT_TRUE(check_worker_token(token.reveal(), tokens, kNow - hours(1)).ok());
  EXPECT_FALSE(check_worker_token(token.reveal(), tokens, kNow - hours(1) - Duration(1)).ok());
  EXPECT_TRUE(check_worker_token(token.reveal(), tokens, kNow + hours(1) - Duration(1)).ok());
  EXPECT_FALSE(check_worker_token(token.reveal(), tokens, kNow + hours(1)).ok());
  tokens[0].revoked = true;
  EXPECT_FALSE(check_worker_token(token.reveal(), tokens, kNow).ok());
}

TEST(WorkerToken, EveryOtherTextIsRefusedWithoutShowingIt) {
  const std::string token = new_worker_token()->reveal();
  const std::vector<StoredWorkerToken> tokens = {stored("one", server::Secret(token))};
  std::vector<std::string> others = {
      "",          "short",     token.substr(1),      token + "A",
      token + "=", " " + token, std::string(43, 'A'), std::string(129, 'A')};
  for (std::size_t at = 0; at < token.size(); ++at) {
    others.push_back(token);
    others.back()[at] = token[at] == 'A' ? 'B' : 'A';
  }
  for (const std::string& other : others) {
    const auto checked = check_worker_token(other, tokens, kNow);
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().code(), Code::Unauthenticated);
    EXPECT_EQ(checked.error().reason(), "worker_token_invalid");
    if (other.size() > 8) {
      EXPECT_EQ(checked.error().describe().find(other), std::string::npos);
    }
  }
  EXPECT_FALSE(check_worker_token(token, {}, kNow).ok());
}

/// A token that does not parse has no digest; a stored digest of zeros must not be taken for it.
TEST(WorkerToken, NothingMatchesAnEmptyDigest) {
  const std::vector<StoredWorkerToken> tokens = {{.name = "zeros",
                                                  .sha256 = {},
                                                  .not_before = kNow - hours(1),
                                                  .expires_at = kNow + hours(1)}};
  EXPECT_FALSE(check_worker_token("", tokens, kNow).ok());
  EXPECT_FALSE(check_worker_token("no token", tokens, kNow).ok());
}

class WorkerTokenFile : public FolderTest {};

TEST_F(WorkerTokenFile, IsReadableForItsOwnerAlone) {
  const server::Secret token = *new_worker_token();
  ASSERT_TRUE(write_worker_token(path("token"), token).ok());
  EXPECT_EQ(mode_of(path("token")), 0400U);
  const auto read = read_worker_token(path("token"));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->reveal(), token.reveal());
}

TEST_F(WorkerTokenFile, IsRefusedWithTheMendWhenOthersMayReadIt) {
  ASSERT_TRUE(write_worker_token(path("token"), *new_worker_token()).ok());
  std::filesystem::permissions(path("token"), std::filesystem::perms(0440));
  const auto read = read_worker_token(path("token"));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().reason(), "file_exposed");
  EXPECT_NE(read.error().message().find("chmod 0400 " + path("token").string()), std::string::npos);
}

TEST_F(WorkerTokenFile, IsRefusedWhenItHoldsNoToken) {
  ASSERT_TRUE(write_worker_token(path("token"), server::Secret("no token")).ok());
  const auto read = read_worker_token(path("token"));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().reason(), "file_invalid");
  EXPECT_EQ(read.error().message().find("no token "), std::string::npos);
}

}  // namespace
}  // namespace weir::auth
