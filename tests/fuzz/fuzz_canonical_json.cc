// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/canonical_json.h"
#include "base/json.h"
#include "base/random.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/rewriting.h"

/// JSON in, canonical JSON out (contract section 2.3): the canonical form is JSON, is its own
/// canonical form, and does not depend on the order of members or on how text is escaped.

namespace {

using weir::JsonDocument;
using weir::fuzz::require;

constexpr weir::base::JsonLimits kLimits{.infinities = true};

std::string canonical_of(const std::string& text, const char* what) {
  const auto document = JsonDocument::parse(text, kLimits);
  require(document.ok(), what, text);
  return weir::base::canonical_json(document->root());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = JsonDocument::parse(text, kLimits);
  if (!document.ok()) {
    const std::string& reason = document.error().reason();
    require(reason == "dag_not_json" || reason == "dag_bounds", "a named refusal", reason);
    return 0;
  }
  const std::string canonical = weir::base::canonical_json(document->root());
  require(canonical_of(canonical, "the canonical form is JSON") == canonical, "a fixpoint",
          canonical);
  for (const int indent : {0, 2}) {
    const std::string ascii = weir::base::ascii_json(document->root(), indent);
    require(ascii.find_first_not_of("\n\t\r ") == 0, "no blanks in front", ascii);
    for (const char byte : ascii) require(byte >= 0, "ASCII only", ascii);
    require(canonical_of(ascii, "the ASCII form is JSON") == canonical, "the same value in ASCII",
            ascii);
  }
  weir::base::SeededRandom random(size);
  const std::string other =
      weir::fuzz::rewritten(document->root(), random, weir::fuzz::ListOrder::Kept);
  require(canonical_of(other, "a rewritten value is JSON") == canonical,
          "the order of members does not matter", other);
  return 0;
}
