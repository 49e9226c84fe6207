// SPDX-License-Identifier: Apache-2.0
#include "server/auth/token.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "server/auth/limits.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::seconds;

class Token : public testing::Test {
 protected:
  static std::string claims(std::string_view extra = "") {
    const std::int64_t now = seconds_of(kNow);
    return R"({"iss":"urn:test","aud":"weir","sub":"ada","iat":)" + std::to_string(now) +
           R"(,"exp":)" + std::to_string(now + 600) + std::string(extra) + "}";
  }

  std::string signed_claims(std::string_view text) const {
    return crafted(header_of(key_.id), text, key_.key);
  }

  Result<VerifiedToken> verify(std::string_view token, Instant now = kNow) const {
    return verify_token(token, keys_, expected_, now);
  }

  /// The word of the refusal; what it shows is looked at too.
  std::string refusal(std::string_view token, Instant now = kNow) const {
    const auto verified = verify(token, now);
    if (verified.ok()) return "accepted";
    const Error& error = verified.error();
    EXPECT_EQ(error.code(), Code::Unauthenticated);
    EXPECT_EQ(error.reason(), "the_code");
    for (std::size_t at = 0; at + 12 <= token.size(); at += 12) {
      EXPECT_EQ(error.describe().find(token.substr(at, 12)), std::string::npos);
    }
    return fault_of(error);
  }

  SigningKey key_ = a_new_key();
  KeySet keys_ = set_of({key_});
  TokenExpectations expected_{.issuer = "urn:test",
                              .audience = "weir",
                              .types = {"JWT"},
                              .life_max = seconds(3600),
                              .refusal = "the_code"};
};

TEST_F(Token, VerifiesWhatItSigned) {
  const auto token = sign_token(claims(), "JWT", key_);
  ASSERT_TRUE(token.ok());
  const auto verified = verify(token->reveal());
  ASSERT_TRUE(verified.ok()) << verified.error().describe();
  EXPECT_EQ(verified->signed_by, key_.id);
  EXPECT_EQ(verified->claims.root().find("sub").text(), "ada");
}

TEST_F(Token, RefusesATokenWithAnyBitChanged) {
  const std::string token = sign_token(claims(), "JWT", key_)->reveal();
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string other = token;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(verify(other).ok()) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

TEST_F(Token, RefusesATokenThatIsCutOrLonger) {
  const std::string token = sign_token(claims(), "JWT", key_)->reveal();
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_NE(refusal(token.substr(0, size)), "accepted") << size;
  }
  for (const char* more : {".", "=", " ", "\n", "A", ".A", "AAAA"}) {
    EXPECT_NE(refusal(token + more), "accepted");
    EXPECT_NE(refusal(more + token), "accepted");
  }
}

TEST_F(Token, RefusesEveryOtherAlgorithm) {
  const std::string payload = base::encode_base64url(claims());
  for (const char* name : {"none", "None", "HS256", "RS256", "ES384", "es256", "ES256K", ""}) {
    const std::string header =
        R"({"alg":")" + std::string(name) + R"(","kid":")" + key_.id.text() + R"(","typ":"JWT"})";
    EXPECT_EQ(refusal(crafted(header, claims(), key_.key)), "token_algorithm") << name;
    EXPECT_EQ(refusal(base::encode_base64url(header) + '.' + payload + '.'), "token_algorithm");
  }
}

TEST_F(Token, RefusesTheSharedSecretMadeOfThePublicKey) {
  const std::string header = R"({"alg":"HS256","kid":")" + key_.id.text() + R"(","typ":"JWT"})";
  const std::string text = base::encode_base64url(header) + '.' + base::encode_base64url(claims());
  const VerifyingKey published{key_.id, key_.key.public_key()};
  const std::string point = "\x04" + published.key.x() + published.key.y();
  for (const std::string& secret : {write_jwk(published), point}) {
    std::array<unsigned char, 32> mac{};
    unsigned size = 0;
    ASSERT_NE(
        HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size),
        nullptr);
    const std::string_view bytes(reinterpret_cast<const char*>(mac.data()), size);
    EXPECT_EQ(refusal(text + '.' + base::encode_base64url(bytes)), "token_algorithm");
  }
}

TEST_F(Token, NeedsTheNameOfAKeyItKnows) {
  EXPECT_EQ(refusal(crafted(R"({"alg":"ES256","typ":"JWT"})", claims(), key_.key)), "token_key_id");
  EXPECT_EQ(refusal(crafted(R"({"alg":"ES256","kid":"","typ":"JWT"})", claims(), key_.key)),
            "token_key_id");
  EXPECT_EQ(refusal(crafted(header_of(KeyId(std::string(257, 'k'))), claims(), key_.key)),
            "token_key_id");
  EXPECT_EQ(refusal(crafted(header_of(KeyId("other")), claims(), key_.key)), "token_key_unknown");
  const SigningKey other = a_new_key();
  EXPECT_EQ(refusal(crafted(header_of(other.id), claims(), other.key)), "token_key_unknown");
  EXPECT_EQ(refusal(crafted(header_of(key_.id), claims(), other.key)), "token_signature");
}

TEST_F(Token, RefusesTheExampleOfTheRfcForItsMissingKeyName) {
  EXPECT_EQ(
      refusal(
          "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
          "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5"
          "djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
      "token_type");
  expected_.type_optional = true;
  EXPECT_EQ(refusal(crafted(R"({"alg":"ES256"})", claims(), key_.key)), "token_key_id");
}

TEST_F(Token, TakesNoHeaderThatSaysMore) {
  for (const char* more : {R"("crit":["exp"])", R"("jku":"http://127.0.0.1/")", R"("jwk":{})",
                           R"("b64":false)", R"("x5c":[])", R"("cty":"JWT")"}) {
    const std::string header =
        R"({"alg":"ES256","kid":")" + key_.id.text() + R"(","typ":"JWT",)" + more + "}";
    EXPECT_EQ(refusal(crafted(header, claims(), key_.key)), "token_header") << more;
  }
  const std::string twice =
      R"({"alg":"none","alg":"ES256","kid":")" + key_.id.text() + R"(","typ":"JWT"})";
  EXPECT_EQ(refusal(crafted(twice, claims(), key_.key)), "token_malformed");
  EXPECT_EQ(refusal(crafted(R"({"alg":"ES256","kid":7,"typ":"JWT"})", claims(), key_.key)),
            "token_header");
}

TEST_F(Token, IsOfTheKindThatIsAskedFor) {
  const auto of_type = [&](std::string_view type) {
    return refusal(crafted(header_of(key_.id, type), claims(), key_.key));
  };
  EXPECT_EQ(of_type("JWT"), "accepted");
  EXPECT_EQ(of_type("jwt"), "accepted");
  EXPECT_EQ(of_type("application/JWT"), "accepted");
  EXPECT_EQ(of_type("weir-task+jwt"), "token_type");
  EXPECT_EQ(of_type(""), "token_type");
  const std::string without = R"({"alg":"ES256","kid":")" + key_.id.text() + "\"}";
  EXPECT_EQ(refusal(crafted(without, claims(), key_.key)), "token_type");
  expected_.type_optional = true;
  EXPECT_EQ(refusal(crafted(without, claims(), key_.key)), "accepted");
}

TEST_F(Token, RefusesADerSignature) {
  const std::string text =
      base::encode_base64url(header_of(key_.id)) + '.' + base::encode_base64url(claims());
  std::string raw = key_.key.sign(text);
  while ((raw[0] & 0x80) != 0 || raw[0] == 0 || (raw[32] & 0x80) != 0 || raw[32] == 0) {
    raw = key_.key.sign(text);  // until both halves are written without padding
  }
  const std::string der = "\x30\x44\x02\x20" + raw.substr(0, 32) + "\x02\x20" + raw.substr(32);
  EXPECT_EQ(refusal(text + '.' + base::encode_base64url(raw)), "accepted");
  EXPECT_EQ(refusal(text + '.' + base::encode_base64url(der)), "token_signature");
}

TEST_F(Token, EndsAtEightKibibytes) {
  const auto with_filling = [&](std::size_t count) {
    return signed_claims(claims(R"(,"more":")" + std::string(count, 'x') + '"'));
  };
  std::size_t count = 5000;
  while (with_filling(count + 1).size() <= kTokenBytesMax) ++count;
  EXPECT_EQ(refusal(with_filling(count)), "accepted");
  EXPECT_EQ(refusal(with_filling(count + 1)), "token_too_long");
  EXPECT_TRUE(sign_token(claims(R"(,"more":")" + std::string(5000, 'x') + '"'), "JWT", key_).ok());
  const auto refused =
      sign_token(claims(R"(,"more":")" + std::string(7000, 'x') + '"'), "JWT", key_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason(), "token_too_large");
}

TEST_F(Token, LivesFromItsBirthToItsEndGiveOrTakeTheLeeway) {
  const std::string token = signed_claims(claims());
  EXPECT_EQ(refusal(token, kNow - kLeeway), "accepted");
  EXPECT_EQ(refusal(token, kNow - kLeeway - seconds(1)), "token_not_yet_valid");
  EXPECT_EQ(refusal(token, kNow + seconds(629)), "accepted");
  EXPECT_EQ(refusal(token, kNow + seconds(630)), "token_expired");
  EXPECT_EQ(refusal(token, kNow + seconds(1'000'000'000)), "token_expired");
  const std::string later =
      signed_claims(claims(R"(,"nbf":)" + std::to_string(seconds_of(kNow) + 100)));
  EXPECT_EQ(refusal(later, kNow + seconds(69)), "token_not_yet_valid");
  EXPECT_EQ(refusal(later, kNow + seconds(70)), "accepted");
}

TEST_F(Token, MayNotBeMadeToLiveLonger) {
  const auto living = [&](std::int64_t span) {
    const std::int64_t now = seconds_of(kNow);
    return signed_claims(R"({"iss":"urn:test","aud":"weir","iat":)" + std::to_string(now) +
                         R"(,"exp":)" + std::to_string(now + span) + "}");
  };
  EXPECT_EQ(refusal(living(3600)), "accepted");
  EXPECT_EQ(refusal(living(3601)), "token_life");
  EXPECT_EQ(refusal(living(0)), "token_life");
  EXPECT_EQ(refusal(living(-10)), "token_life");
}

TEST_F(Token, IsForOneAudienceOfOneIssuer) {
  const std::string times = R"(,"iat":1795219200,"exp":1795219800})";
  const auto with = [&](const std::string& head) { return refusal(signed_claims(head + times)); };
  EXPECT_EQ(with(R"({"iss":"urn:other","aud":"weir")"), "token_issuer");
  EXPECT_EQ(with(R"({"iss":"urn:tes","aud":"weir")"), "token_issuer");
  EXPECT_EQ(with(R"({"iss":["urn:test"],"aud":"weir")"), "token_claim");
  EXPECT_EQ(with(R"({"aud":"weir")"), "token_claim");
  EXPECT_EQ(with(R"({"iss":"urn:test","aud":"trace.task")"), "token_audience");
  EXPECT_EQ(with(R"({"iss":"urn:test")"), "token_claim");
  EXPECT_EQ(with(R"({"iss":"urn:test","aud":[])"), "token_claim");
  EXPECT_EQ(with(R"({"iss":"urn:test","aud":["weir",7])"), "token_claim");
  EXPECT_EQ(with(R"({"iss":"urn:test","aud":["other"])"), "token_audience");
  EXPECT_EQ(with(R"({"iss":"urn:test","aud":["other","weir"])"), "accepted");
}

TEST_F(Token, HasTimesThatAreWholeSeconds) {
  for (const char* bad : {"1795219800.5", "\"1795219800\"", "null", "true", "-1", "1e9",
                          "253402300800", "99999999999999999999", "[]"}) {
    for (const char* claim : {"exp", "iat", "nbf"}) {
      std::string text = R"({"iss":"urn:test","aud":"weir")";
      for (const std::string name : {"exp", "iat", "nbf"}) {
        const std::string good = name == "exp" ? "1795219800" : "1795219200";
        text += ",\"" + name + "\":" + (name == claim ? bad : good);
      }
      EXPECT_EQ(refusal(signed_claims(text + "}")), "token_claim") << claim << ' ' << bad;
    }
  }
  EXPECT_EQ(refusal(signed_claims(R"({"iss":"urn:test","aud":"weir","exp":1795219800})")),
            "token_claim");
  expected_.life_max = Duration::zero();
  EXPECT_EQ(refusal(signed_claims(R"({"iss":"urn:test","aud":"weir","exp":1795219800})")),
            "accepted");
}

TEST_F(Token, SignedClaimsMustBeOneObjectWithSingleNames) {
  for (const char* text : {"", "[]", "7", "null", "{", "{}{}", R"({"exp":1,"exp":2})", "\xff"}) {
    EXPECT_EQ(refusal(signed_claims(text)), "token_malformed") << text;
  }
  std::string deep = claims(R"(,"more":)" + std::string(20, '[') + std::string(20, ']'));
  EXPECT_EQ(refusal(signed_claims(deep)), "token_malformed");
}

TEST_F(Token, SaysThatItCouldNotBeJudgedWhenThereAreNoKeys) {
  class NoKeys final : public TokenKeys {
   public:
    Result<PublicKey> find(const KeyId& /*id*/) const override {
      return base::unavailable("unavailable", "the issuer's keys cannot be had now");
    }
  };
  const auto verified = verify_token(signed_claims(claims()), NoKeys(), expected_, kNow);
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code(), Code::Unavailable);
}

}  // namespace
}  // namespace weir::auth
