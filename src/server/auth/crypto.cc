// SPDX-License-Identifier: Apache-2.0
#include "server/auth/crypto.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace weir::auth {

bool equal_in_constant_time(const base::Digest& one, const base::Digest& other) {
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
