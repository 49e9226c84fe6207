// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_file.h"

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/secret_file.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

class KeyFile : public FolderTest {};

TEST_F(KeyFile, KeepsTheKeyAndItsName) {
  const SigningKey key = a_new_key();
  ASSERT_TRUE(write_key_file(path("key"), key).ok());
  EXPECT_EQ(mode_of(path("key")), 0400U);
  const auto read = read_key_file(path("key"));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->id, key.id);
  EXPECT_TRUE(key.key.public_key().verifies("text", read->key.sign("text")));
}

TEST_F(KeyFile, IsMadeOnceAndThenRead) {
  const auto made = read_or_make_key_file(path("key"));
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(read_or_make_key_file(path("key"))->id, made->id);
}

TEST_F(KeyFile, IsOneWhenManyMakeItAtOnce) {
  std::vector<std::string> ids(8);
  std::vector<std::thread> threads;
  threads.reserve(ids.size());
  for (std::string& id : ids) {
    threads.emplace_back([this, &id] {
      const auto key = read_or_make_key_file(path("key"));
      id = key.ok() ? key->id.text() : key.error().message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids, std::vector<std::string>(8, read_key_file(path("key"))->id.text()));
}

TEST_F(KeyFile, IsNeverReplacedWhenItCannotBeUsed) {
  ASSERT_TRUE(write_key_file(path("key"), a_new_key()).ok());
  std::filesystem::permissions(path("key"), std::filesystem::perms(0444));
  const auto exposed = read_or_make_key_file(path("key"));
  ASSERT_FALSE(exposed.ok());
  EXPECT_EQ(exposed.error().reason(), "file_exposed");
  ASSERT_TRUE(write_secret_file(path("other"), server::Secret("no key"), kOwnerReads).ok());
  const auto broken = read_or_make_key_file(path("other"));
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().reason(), "key_invalid");
  EXPECT_NE(broken.error().message().find(path("other").string()), std::string::npos);
  EXPECT_EQ(read_secret_file(path("other"))->reveal(), "no key");
}

}  // namespace
}  // namespace weir::auth
