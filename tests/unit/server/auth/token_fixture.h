// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "tests/hand_clock.h"

/// What the tests of tokens share.
namespace weir::auth {

/// An instant that no test is near the end of: 2026-11-21 00:00:00 UTC.
inline constexpr Instant kNow{std::chrono::seconds(1'795'219'200)};

inline SigningKey a_new_key() {
  auto key = new_signing_key();
  EXPECT_TRUE(key.ok());
  return *std::move(key);
}

inline KeySet set_of(const std::vector<SigningKey>& keys) {
  std::vector<VerifyingKey> listed;
  listed.reserve(keys.size());
  for (const SigningKey& key : keys) listed.push_back({key.id, key.key.public_key()});
  auto set = KeySet::of(std::move(listed));
  EXPECT_TRUE(set.ok());
  return *std::move(set);
}

/// A token of any header and payload, signed as they stand.
inline std::string crafted(std::string_view header, std::string_view payload,
                           const PrivateKey& key) {
  const std::string text = base::encode_base64url(header) + '.' + base::encode_base64url(payload);
  return text + '.' + base::encode_base64url(key.sign(text));
}

inline std::string header_of(const KeyId& id, std::string_view type = "JWT") {
  return R"({"alg":"ES256","kid":")" + id.text() + R"(","typ":")" + std::string(type) + "\"}";
}

/// The one word of a refusal; empty if it has not exactly one.
inline std::string fault_of(const Error& error) {
  return error.faults().size() == 1 ? error.faults().front().reason : std::string();
}
/// A folder of the test's own.
class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_auth_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::filesystem::path path(std::string_view name) const { return folder_ / name; }
  static unsigned mode_of(const std::filesystem::path& file) {
    return static_cast<unsigned>(std::filesystem::status(file).permissions());
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace weir::auth
