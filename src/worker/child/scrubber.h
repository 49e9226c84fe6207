// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::worker {

/// Takes secrets out of a stream of bytes: each becomes `***`, also one that comes in pieces. What
/// may be the beginning of a secret is held back until the next bytes tell. Used by one thread.
class Scrubber {
 public:
  /// Texts shorter than kScrubBytesMin are left alone.
  explicit Scrubber(std::vector<std::string> secrets);

  /// What may be shown of the bytes so far.
  std::string feed(std::string_view bytes);
  /// The rest, at the end of the stream.
  std::string finish();

 private:
  struct Match {
    std::size_t at = std::string::npos;
    std::size_t size = 0;
  };
  Match first_match(std::size_t from) const;
  std::size_t held_from() const;
  std::string take(std::size_t settled);

  std::vector<std::string> secrets_;
  std::string pending_;
};

}  // namespace weir::worker
