// SPDX-License-Identifier: Apache-2.0
#include "server/auth/local_issuer.h"

#include <chrono>
#include <filesystem>
#include <string>

#include "base/random.h"
#include "server/auth/secret_file.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class LocalIssuerTest : public FolderTest {
 protected:
  LocalIssuer::Config config() const {
    LocalIssuer::Config config;
    config.key_path = path("issuer.key");
    config.token_path = path("user.token");
    return config;
  }
  std::unique_ptr<LocalIssuer> make() {
    auto issuer = LocalIssuer::create(config(), clock_, random_);
    EXPECT_TRUE(issuer.ok());
    return issuer.ok() ? *std::move(issuer) : nullptr;
  }
  std::string kept() const { return read_secret_file(path("user.token"))->reveal(); }

  weir::test::HandClock clock_{Duration::zero(), kNow};
  base::SeededRandom random_{1};
};

TEST_F(LocalIssuerTest, MakesItsKeyAndWritesATokenOfTheAdmin) {
  const auto issuer = make();
  EXPECT_EQ(mode_of(path("issuer.key")), 0400U);
  const auto pass = issuer->run_once();
  ASSERT_TRUE(pass.ok()) << pass.error().message();
  EXPECT_EQ(pass->tokens_written, 1);
  EXPECT_EQ(pass->due, kNow + minutes(30));
  EXPECT_EQ(mode_of(path("user.token")), 0600U);
  const auto who = verify_user_token(kept(), issuer->keys(), issuer->trusted(), clock_.now());
  ASSERT_TRUE(who.ok()) << who.error().describe();
  EXPECT_EQ(*who, issuer->user());
  EXPECT_EQ(who->subject, "admin");
}

TEST_F(LocalIssuerTest, RenewsTheTokenWhenHalfOfItsLifeIsOver) {
  const auto issuer = make();
  ASSERT_TRUE(issuer->run_once().ok());
  const std::string first = kept();
  clock_.sleep_for(minutes(29));
  EXPECT_EQ(issuer->run_once()->tokens_written, 0);
  EXPECT_EQ(issuer->run_once()->due, kNow + minutes(30));
  EXPECT_EQ(kept(), first);
  clock_.sleep_for(minutes(1));
  EXPECT_EQ(issuer->run_once()->tokens_written, 1);
  EXPECT_NE(kept(), first);
}

TEST_F(LocalIssuerTest, TheFileHoldsAGoodTokenAtEveryMoment) {
  const auto issuer = make();
  Instant due = kNow;
  for (int minute = 0; minute < 600; ++minute) {
    if (clock_.now() >= due) {
      const auto pass = issuer->run_once();
      ASSERT_TRUE(pass.ok());
      ASSERT_GT(pass->due, clock_.now());
      due = pass->due;
    }
    ASSERT_TRUE(verify_user_token(kept(), issuer->keys(), issuer->trusted(), clock_.now()).ok());
    clock_.sleep_for(minutes(1));
  }
}

TEST_F(LocalIssuerTest, KeepsKeyAndTokenOverARestart) {
  ASSERT_TRUE(make()->run_once().ok());
  const std::string first = kept();
  const auto again = make();
  EXPECT_EQ(again->run_once()->tokens_written, 0);
  EXPECT_EQ(kept(), first);
}

TEST_F(LocalIssuerTest, WritesATokenAnewThatIsOfNoUse) {
  const auto issuer = make();
  const auto written = [&] { return issuer->run_once()->tokens_written; };
  ASSERT_EQ(written(), 1);
  ASSERT_TRUE(write_secret_file(path("user.token"), server::Secret("junk"), kOwnerWrites).ok());
  EXPECT_EQ(written(), 1);
  std::filesystem::permissions(path("user.token"), std::filesystem::perms(0644));
  EXPECT_EQ(written(), 1);
  EXPECT_EQ(mode_of(path("user.token")), 0600U);
  std::filesystem::remove(path("user.token"));
  EXPECT_EQ(written(), 1);
  clock_.sleep_for(-std::chrono::hours(5));  // the clock was set back
  EXPECT_EQ(written(), 1);
  // Another key signs from now on.
  std::filesystem::remove(path("issuer.key"));
  const auto other = make();
  EXPECT_FALSE(verify_user_token(kept(), other->keys(), other->trusted(), clock_.now()).ok());
  EXPECT_EQ(other->run_once()->tokens_written, 1);
  EXPECT_TRUE(verify_user_token(kept(), other->keys(), other->trusted(), clock_.now()).ok());
}

TEST_F(LocalIssuerTest, RefusesABadConfiguration) {
  const auto reason = [&](auto change) {
    LocalIssuer::Config bad = config();
    change(bad);
    const auto issuer = LocalIssuer::create(bad, clock_, random_);
    return issuer.ok() ? std::string() : issuer.error().reason();
  };
  EXPECT_EQ(reason([](auto& bad) { bad.issuer.clear(); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.audience = std::string(257, 'a'); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.subject.clear(); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.key_path.clear(); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.token_path = bad.key_path; }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.life = seconds(59); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.life = seconds(86'401); }), "issuer_invalid");
  EXPECT_EQ(reason([](auto& bad) { bad.life = seconds(60); }), "");
}

TEST_F(LocalIssuerTest, SaysWhenItCannotWrite) {
  LocalIssuer::Config elsewhere = config();
  elsewhere.token_path = path("no/folder/token");
  const auto issuer = LocalIssuer::create(elsewhere, clock_, random_);
  ASSERT_TRUE(issuer.ok());
  const auto pass = (*issuer)->run_once();
  ASSERT_FALSE(pass.ok());
  EXPECT_EQ(pass.error().reason(), "file_unwritable");
}

}  // namespace
}  // namespace weir::auth
