// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace weir::base {

Digest sha256(std::string_view bytes) {
  Digest digest{};
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  WEIR_ASSERT(done == 1);
  return digest;
}

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    WEIR_ASSERT(context != nullptr);
    const int done = EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
    WEIR_ASSERT(done == 1);
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

Sha256& Sha256::update(std::string_view bytes) {
  const int done = EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
  WEIR_ASSERT(done == 1);
  return *this;
}

std::string Sha256::finish_hex() {
  Digest digest{};
  const int done = EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
  WEIR_ASSERT(done == 1);
  return to_hex(digest);
}

}  // namespace weir::base
