// SPDX-License-Identifier: Apache-2.0
#include "server/auth/es256.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/base64.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

/// RFC 7515, appendix A.3.
constexpr std::string_view kRfcX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr std::string_view kRfcY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
constexpr std::string_view kRfcSigned =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ";
constexpr std::string_view kRfcSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

std::string bytes(std::string_view text) { return base::decode_base64url(text).value(); }

PublicKey rfc_key() { return *PublicKey::from_point(bytes(kRfcX), bytes(kRfcY)); }

/// One INTEGER of ASN.1 from 32 bytes.
std::string der_integer(std::string value) {
  while (value.size() > 1 && value[0] == '\0') value.erase(0, 1);
  if ((static_cast<unsigned char>(value[0]) & 0x80U) != 0) value.insert(0, 1, '\0');
  return "\x02" + std::string(1, static_cast<char>(value.size())) + value;
}

std::string as_der(const std::string& raw) {
  const std::string both = der_integer(raw.substr(0, 32)) + der_integer(raw.substr(32));
  return "\x30" + std::string(1, static_cast<char>(both.size())) + both;
}

TEST(Es256, VerifiesTheExampleOfTheRfc) {
  EXPECT_TRUE(rfc_key().verifies(kRfcSigned, bytes(kRfcSignature)));
}

TEST(Es256, RefusesTheExampleWithAnyBitOfItsSignatureChanged) {
  const PublicKey key = rfc_key();
  const std::string signature = bytes(kRfcSignature);
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    std::string other = signature;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.verifies(kRfcSigned, other)) << bit;
  }
}

TEST(Es256, RefusesASignatureOfAnotherForm) {
  const PublicKey key = rfc_key();
  const std::string signature = bytes(kRfcSignature);
  EXPECT_FALSE(key.verifies(kRfcSigned, as_der(signature)));
  EXPECT_FALSE(key.verifies(kRfcSigned, ""));
  EXPECT_FALSE(key.verifies(kRfcSigned, signature.substr(0, 63)));
  EXPECT_FALSE(key.verifies(kRfcSigned, signature + '\0'));
  EXPECT_FALSE(key.verifies(kRfcSigned, std::string(64, '\0')));
  EXPECT_FALSE(key.verifies(kRfcSigned, std::string(64, '\xff')));
}

TEST(Es256, VerifiesWhatItSignedAndNothingElse) {
  const SigningKey one = a_new_key();
  const SigningKey other = a_new_key();
  for (int round = 0; round < 50; ++round) {  // some have leading zeros in r or s
    const std::string text = "round " + std::to_string(round);
    const std::string signature = one.key.sign(text);
    ASSERT_EQ(signature.size(), 64U);
    EXPECT_TRUE(one.key.public_key().verifies(text, signature));
    EXPECT_FALSE(one.key.public_key().verifies(text + " ", signature));
    EXPECT_FALSE(other.key.public_key().verifies(text, signature));
  }
}

TEST(Es256, RefusesAPointOffTheCurve) {
  std::string y = bytes(kRfcY);
  y[31] = static_cast<char>(y[31] ^ 1);
  for (const auto& key :
       {PublicKey::from_point(bytes(kRfcX), y), PublicKey::from_point(bytes(kRfcY), bytes(kRfcX)),
        PublicKey::from_point(std::string(32, '\0'), std::string(32, '\0')),
        PublicKey::from_point(std::string(32, '\xff'), std::string(32, '\xff')),
        PublicKey::from_point("", ""), PublicKey::from_point(bytes(kRfcX) + '\0', bytes(kRfcY))}) {
    ASSERT_FALSE(key.ok());
    EXPECT_EQ(key.error().reason(), "key_invalid");
  }
}

TEST(Es256, NamesAKeyByTheDigestOfItsCanonicalForm) {
  // Computed apart: SHA-256 over RFC 7638's text of the RFC's key.
  EXPECT_EQ(rfc_key().thumbprint().text(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

TEST(Es256, ReadsThePemItWroteAlsoWithoutTheLastLineEnd) {
  const SigningKey key = a_new_key();
  const server::Secret pem = key.key.pem();
  EXPECT_TRUE(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(pem.reveal().ends_with("-----END PRIVATE KEY-----\n"));
  const server::Secret cut(pem.reveal().substr(0, pem.reveal().size() - 1));
  for (const server::Secret& text : {pem, cut}) {
    const auto again = PrivateKey::from_pem(text);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(again->public_key().thumbprint(), key.id);
    EXPECT_TRUE(key.key.public_key().verifies("text", again->sign("text")));
  }
}

TEST(Es256, RefusesAPemThatIsNoKeyOfTheCurve) {
  // A key of Ed25519 (RFC 8410, section 10.3).
  const std::string other_kind =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n";
  std::string broken = a_new_key().key.pem().reveal();
  broken[60] = broken[60] == 'A' ? 'B' : 'A';
  broken.erase(70, 4);
  for (const std::string& text :
       {other_kind, broken, std::string(), std::string("-----BEGIN PRIVATE KEY-----\n"),
        std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4=\n"
                    "-----END ENCRYPTED PRIVATE KEY-----\n")}) {
    const auto key = PrivateKey::from_pem(server::Secret(text));
    ASSERT_FALSE(key.ok());
    EXPECT_EQ(key.error().reason(), "key_invalid");
    EXPECT_EQ(key.error().message().find("MC4"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::auth
