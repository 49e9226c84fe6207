// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

/// What the fuzz targets share.
namespace weir::fuzz {

/// Ends the run as a finding: libFuzzer keeps the input.
inline void require(bool holds, const char* what, const std::string& shown = "") {
  if (holds) return;
  std::fprintf(stderr, "oracle: %s\n%s\n", what, shown.c_str());
  std::abort();
}

/// Takes numbers off an input, front to back; zeros once it is used up.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  /// A number in [0, bound).
  unsigned below(unsigned bound) { return byte() % bound; }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace weir::fuzz
