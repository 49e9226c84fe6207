// SPDX-License-Identifier: Apache-2.0
#include "worker/child/scrubber.h"

#include <algorithm>
#include <utility>

#include "worker/child/limits.h"

namespace weir::worker {

Scrubber::Scrubber(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {
  std::erase_if(secrets_, [](const std::string& text) { return text.size() < kScrubBytesMin; });
}

std::string Scrubber::feed(std::string_view bytes) {
  if (secrets_.empty()) return std::string(bytes);
  pending_ += bytes;
  return take(held_from());
}

std::string Scrubber::finish() { return take(pending_.size()); }

Scrubber::Match Scrubber::first_match(std::size_t from) const {
  Match first;
  for (const std::string& secret : secrets_) {
    const std::size_t at = pending_.find(secret, from);
    if (at == std::string::npos) continue;
    if (at < first.at || (at == first.at && secret.size() > first.size))
      first = {at, secret.size()};
  }
  return first;
}

/// Where the longest end of the bytes begins that is the beginning of a secret.
std::size_t Scrubber::held_from() const {
  std::size_t held = 0;
  const std::string_view all = pending_;
  for (const std::string& secret : secrets_) {
    for (std::size_t size = std::min(secret.size() - 1, all.size()); size > held; --size) {
      if (std::string_view(secret).starts_with(all.substr(all.size() - size))) held = size;
    }
  }
  return all.size() - held;
}

/// Everything before `settled`, scrubbed. A secret that begins there may still turn out to be the
/// beginning of a longer one, so it waits.
std::string Scrubber::take(std::size_t settled) {
  std::string out;
  std::size_t from = 0;
  for (Match match = first_match(0); match.at < settled; match = first_match(from)) {
    out.append(pending_, from, match.at - from).append("***");
    from = match.at + match.size;
  }
  if (from < settled) {
    out.append(pending_, from, settled - from);
    from = settled;
  }
  pending_.erase(0, from);
  return out;
}

}  // namespace weir::worker
