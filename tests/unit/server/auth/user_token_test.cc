// SPDX-License-Identifier: Apache-2.0
#include "server/auth/user_token.h"

#include <chrono>
#include <string>

#include "server/auth/capability.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::seconds;

class UserToken : public testing::Test {
 protected:
  std::string token(const std::string& subject) const {
    return crafted(header_of(key_.id),
                   R"({"iss":"urn:idp","aud":"weir","sub":)" + subject + R"(,"exp":1795219800})",
                   key_.key);
  }

  SigningKey key_ = a_new_key();
  KeySet keys_ = set_of({key_});
  UserTokenIssuer trusted_{.issuer = "urn:idp", .audience = "weir"};
};

TEST_F(UserToken, SaysWhoItIsOf) {
  const auto signed_token = sign_user_token({.user = {.issuer = "urn:idp", .subject = "ada \"x\""},
                                             .audience = "weir",
                                             .jti = "1",
                                             .issued_at = kNow,
                                             .expires_at = kNow + seconds(60)},
                                            key_);
  ASSERT_TRUE(signed_token.ok());
  const auto who = verify_user_token(signed_token->reveal(), keys_, trusted_, kNow);
  ASSERT_TRUE(who.ok()) << who.error().describe();
  EXPECT_EQ(*who, (PrincipalKey{.issuer = "urn:idp", .subject = "ada \"x\""}));
}

TEST_F(UserToken, NeedsASubjectOfOneToTwoHundredFiftySixPlainBytes) {
  EXPECT_TRUE(verify_user_token(token("\"ada\""), keys_, trusted_, kNow).ok());
  EXPECT_TRUE(
      verify_user_token(token("\"" + std::string(256, 'a') + "\""), keys_, trusted_, kNow).ok());
  for (const std::string& subject :
       {std::string("\"\""), std::string("7"), std::string("null"), std::string(R"(["ada"])"),
        std::string(R"("a\u0000b")"), "\"" + std::string(257, 'a') + "\""}) {
    const auto who = verify_user_token(token(subject), keys_, trusted_, kNow);
    ASSERT_FALSE(who.ok()) << subject;
    EXPECT_EQ(who.error().reason(), "unauthenticated");
    EXPECT_EQ(fault_of(who.error()), "token_claim");
  }
}

TEST_F(UserToken, IsRefusedFromAnotherIssuerOrForAnotherAudience) {
  const auto issuer =
      verify_user_token(token("\"a\""), keys_, {.issuer = "urn:x", .audience = "weir"}, kNow);
  EXPECT_EQ(fault_of(issuer.error()), "token_issuer");
  const auto audience =
      verify_user_token(token("\"a\""), keys_, {.issuer = "urn:idp", .audience = "x"}, kNow);
  EXPECT_EQ(fault_of(audience.error()), "token_audience");
  EXPECT_EQ(audience.error().code(), Code::Unauthenticated);
}

TEST_F(UserToken, IsNoCapabilityNorTheOtherWayRound) {
  const std::string claims = R"({"iss":"urn:idp","aud":["weir","trace.task"],"sub":"task:1",)"
                             R"("iat":1795219200,"exp":1795219800})";
  const std::string capability = crafted(header_of(key_.id, kCapabilityType), claims, key_.key);
  EXPECT_EQ(fault_of(verify_user_token(capability, keys_, trusted_, kNow).error()), "token_type");
  const std::string user = crafted(header_of(key_.id), claims, key_.key);
  EXPECT_EQ(fault_of(verify_capability(user, keys_, "urn:idp", kNow).error()), "token_type");
}

}  // namespace
}  // namespace weir::auth
