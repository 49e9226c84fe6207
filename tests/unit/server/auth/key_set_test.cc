// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/limits.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

constexpr const char* kX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr const char* kY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/// A good key of that name, with more members if given.
std::string jwk(const std::string& id, const std::string& more = "") {
  return R"({"kty":"EC","crv":"P-256","kid":")" + id + R"(","x":")" + kX + R"(","y":")" + kY +
         "\"" + more + "}";
}

std::string set(const std::string& keys) { return R"({"keys":[)" + keys + "]}"; }

std::string reason_of(const std::string& text) {
  const auto read = read_jwks(text);
  return read.ok() ? "" : read.error().reason();
}

TEST(KeySet, ReadsWhatItWrote) {
  const std::vector<SigningKey> keys = {a_new_key(), a_new_key()};
  const KeySet one = set_of(keys);
  const std::string text = write_jwks(one.keys());
  EXPECT_EQ(text.find("\"d\""), std::string::npos);
  const auto again = read_jwks(text);
  ASSERT_TRUE(again.ok()) << again.error().message();
  ASSERT_EQ(again->keys().size(), 2U);
  EXPECT_EQ(write_jwks(again->keys()), text);
  for (const SigningKey& key : keys) {
    const auto found = again->find(key.id);
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->verifies("text", key.key.sign("text")));
  }
  EXPECT_EQ(again->find(KeyId("other")).error().code(), Code::NotFound);
}

TEST(KeySet, ReadsTheKeyOfTheRfc) {
  const auto read = read_jwks(set(jwk("a", R"(,"alg":"ES256","use":"sig","key_ops":["verify"])")));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->keys().at(0).id, KeyId("a"));
}

TEST(KeySet, PassesOverKeysOfOtherKindsAndUses) {
  const auto read = read_jwks(
      set(R"({"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"c2VjcmV0","kid":"o"},)"
          R"({"kty":"EC","crv":"P-384","kid":"p","x":"AA","y":"AA"},{"kid":"none"},)" +
          jwk("a", R"(,"use":"enc")") + "," + jwk("b", R"(,"alg":"ECDH-ES")") + "," +
          jwk("c", R"(,"key_ops":["sign"])") + "," + jwk("d")));
  ASSERT_TRUE(read.ok()) << read.error().message();
  ASSERT_EQ(read->keys().size(), 1U);
  EXPECT_EQ(read->keys()[0].id, KeyId("d"));
}

TEST(KeySet, RefusesABadKeyOfItsOwnKind) {
  const auto with = [](const std::string& id, const std::string& x, const std::string& y) {
    return set(R"({"kty":"EC","crv":"P-256",)" + id + R"("x":")" + x + R"(","y":")" + y + "\"}");
  };
  EXPECT_EQ(reason_of(with(R"("kid":"a",)", kX, kY)), "");
  EXPECT_EQ(reason_of(with(R"("kid":"a",)", kX, kX)), "key_invalid");  // off the curve
  EXPECT_EQ(reason_of(with(R"("kid":"a",)", kX, std::string(kY) + "=")), "key_invalid");
  EXPECT_EQ(reason_of(with(R"("kid":"a",)", kX, "AAAA")), "key_invalid");
  EXPECT_EQ(reason_of(with("", kX, kY)), "key_invalid");
  EXPECT_EQ(reason_of(with(R"("kid":7,)", kX, kY)), "key_invalid");
  EXPECT_EQ(reason_of(with(R"("kid":"",)", kX, kY)), "key_invalid");
  EXPECT_EQ(reason_of(with(R"("kid":")" + std::string(257, 'k') + "\",", kX, kY)), "key_invalid");
  EXPECT_EQ(reason_of(set(jwk("a", R"(,"d":"AAAA")"))), "key_invalid");
}

TEST(KeySet, RefusesWhatIsNoSet) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[7]})"), set(jwk("a") + "," + jwk("a")),
        set(jwk("a")) + std::string(kKeySetBytesMax, ' ')}) {
    EXPECT_EQ(reason_of(text), "key_set_invalid") << text.substr(0, 200);
  }
  std::string many = jwk("0");
  for (std::size_t key = 1; key < kKeysMax; ++key) many += "," + jwk(std::to_string(key));
  EXPECT_EQ(reason_of(set(many)), "");
  EXPECT_EQ(reason_of(set(many + "," + jwk("more"))), "key_set_invalid");
}

}  // namespace
}  // namespace weir::auth
