// SPDX-License-Identifier: Apache-2.0
#include "server/auth/es256.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "base/assert.h"
#include "base/base64.h"
#include "base/sha256.h"
#include "server/auth/crypto.h"

namespace weir::auth {
namespace {

constexpr std::size_t kCoordinateBytes = 32;
constexpr const char* kCurve = "prime256v1";  // OpenSSL's name of P-256
constexpr std::string_view kPemHead = "-----BEGIN PRIVATE KEY-----";

template <auto FreeFunction>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    FreeFunction(object);
  }
};
using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;

/// OpenSSL keeps what went wrong per thread; the next caller must not find it.
class ErrorsCleared {
 public:
  ErrorsCleared() = default;
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
  ~ErrorsCleared() { ERR_clear_error(); }
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

Error key_invalid(std::string message) {
  return base::invalid_argument("key_invalid", std::move(message));
}

std::string padded(const BIGNUM* number) {
  std::string bytes(kCoordinateBytes, '\0');
  const int size = BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                                static_cast<int>(bytes.size()));
  WEIR_ASSERT(size == static_cast<int>(kCoordinateBytes));
  return bytes;
}

/// One coordinate of the key's point; empty if the key has none.
std::string coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  const BigNumber owner(number);
  return padded(number);
}

bool is_of_curve(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 &&
         std::string_view(name.data(), size) == kCurve;
}

/// No key of ours has a password, and OpenSSL must not ask a terminal for one.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

/// r and s as ASN.1 writes them, which is the only form OpenSSL verifies; empty if it cannot.
std::string der_of(std::string_view signature) {
  const auto* const begin = bytes_of(signature);
  BigNumber r(BN_bin2bn(begin, kCoordinateBytes, nullptr));
  BigNumber s(BN_bin2bn(begin + kCoordinateBytes, kCoordinateBytes, nullptr));
  const Signature pair(ECDSA_SIG_new());
  if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // the signature owns both now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

std::string raw_of(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  const Signature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  WEIR_ASSERT(pair != nullptr);
  return padded(ECDSA_SIG_get0_r(pair.get())) + padded(ECDSA_SIG_get0_s(pair.get()));
}

}  // namespace

Result<PublicKey> PublicKey::from_point(std::string_view x, std::string_view y) {
  const ErrorsCleared cleared;
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) {
    return key_invalid("a coordinate of P-256 has 32 bytes");
  }
  std::string point = "\x04";  // uncompressed
  point.append(x).append(y);
  std::string curve = kCurve;
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const KeyContext making(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (!making || EVP_PKEY_fromdata_init(making.get()) != 1 ||
      EVP_PKEY_fromdata(making.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.data()) != 1) {
    return key_invalid("the coordinates are no point of P-256");
  }
  PublicKey key;
  key.key_ = owned(made);
  const KeyContext checking(EVP_PKEY_CTX_new(made, nullptr));
  if (!checking || EVP_PKEY_public_check(checking.get()) != 1) {
    return key_invalid("the coordinates are no point of P-256");
  }
  key.x_ = x;
  key.y_ = y;
  return key;
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  if (signature.size() != 2 * kCoordinateBytes) return false;
  const ErrorsCleared cleared;
  const std::string der = der_of(signature);
  const DigestContext context(EVP_MD_CTX_new());
  return !der.empty() && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(message),
                          message.size()) == 1;
}

KeyId PublicKey::thumbprint() const {
  const base::Digest digest =
      base::sha256(R"({"crv":"P-256","kty":"EC","x":")" + base::encode_base64url(x_) +
                   R"(","y":")" + base::encode_base64url(y_) + "\"}");
  return KeyId(base::encode_base64url(
      std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size())));
}

Result<PrivateKey> PrivateKey::generate() {
  const ErrorsCleared cleared;
  EVP_PKEY* const made = EVP_EC_gen(kCurve);
  if (made == nullptr) {
    return base::unavailable("randomness_unavailable", "the machine gives no new key");
  }
  return from_pair(owned(made));
}

Result<PrivateKey> PrivateKey::from_pem(const server::Secret& pem) {
  const ErrorsCleared cleared;
  const std::string& text = pem.reveal();
  if (!text.starts_with(kPemHead)) return key_invalid("it is no PEM of PKCS#8 without a password");
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  EVP_PKEY* const read =
      memory ? PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr) : nullptr;
  if (read == nullptr) return key_invalid("its PEM cannot be read");
  return from_pair(owned(read));
}

Result<PrivateKey> PrivateKey::from_pair(std::shared_ptr<EVP_PKEY> pair) {
  if (EVP_PKEY_get_base_id(pair.get()) != EVP_PKEY_EC || !is_of_curve(pair.get())) {
    return key_invalid("it is no key of P-256");
  }
  const KeyContext checking(EVP_PKEY_CTX_new(pair.get(), nullptr));
  if (!checking || EVP_PKEY_check(checking.get()) != 1) {
    return key_invalid("its private and public half do not belong together");
  }
  PrivateKey key;
  WEIR_TRY(key.public_key_,
           PublicKey::from_point(coordinate(pair.get(), OSSL_PKEY_PARAM_EC_PUB_X),
                                 coordinate(pair.get(), OSSL_PKEY_PARAM_EC_PUB_Y)));
  key.key_ = std::move(pair);
  const std::shared_ptr<EVP_MD_CTX> ready(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  WEIR_ASSERT(ready != nullptr);
  const int done = EVP_DigestSignInit(ready.get(), nullptr, EVP_sha256(), nullptr, key.key_.get());
  WEIR_ASSERT(done == 1);
  key.ready_ = ready;
  return key;
}

server::Secret PrivateKey::pem() const {
  const Memory memory(BIO_new(BIO_s_secmem()));
  WEIR_ASSERT(memory != nullptr);
  const int written = PEM_write_bio_PKCS8PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0,
                                                    nullptr, nullptr);
  WEIR_ASSERT(written == 1);
  char* begin = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &begin);
  WEIR_ASSERT(size > 0);
  return server::Secret(std::string(begin, static_cast<std::size_t>(size)));
}

std::string PrivateKey::sign(std::string_view message) const {
  const ErrorsCleared cleared;
  const DigestContext context(EVP_MD_CTX_new());
  std::string der(128, '\0');  // at most 72 bytes of P-256
  std::size_t size = der.size();
  WEIR_ASSERT(context != nullptr);
  int done = EVP_MD_CTX_copy_ex(context.get(), ready_.get());
  WEIR_ASSERT(done == 1);
  done = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size,
                        bytes_of(message), message.size());
  WEIR_ASSERT(done == 1);
  der.resize(size);
  return raw_of(der);
}

Result<SigningKey> new_signing_key() {
  WEIR_TRY(PrivateKey key, PrivateKey::generate());
  return named_by_thumbprint(std::move(key));
}

SigningKey named_by_thumbprint(PrivateKey key) {
  KeyId id = key.public_key().thumbprint();
  return {.id = std::move(id), .key = std::move(key)};
}

}  // namespace weir::auth
