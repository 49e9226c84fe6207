// SPDX-License-Identifier: Apache-2.0
#include "server/auth/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace weir::auth {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest{};
  unsigned size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  WEIR_ASSERT(done == 1);
  WEIR_ASSERT(size == digest.size());
  return digest;
}

bool equal_in_constant_time(const Sha256& one, const Sha256& other) {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

Result<std::string> secret_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  auto* const begin = reinterpret_cast<unsigned char*>(bytes.data());
  if (RAND_priv_bytes(begin, static_cast<int>(count)) != 1) {
    return base::unavailable("randomness_unavailable", "the machine gives no random bytes");
  }
  return bytes;
}

void wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

}  // namespace weir::auth
