// SPDX-License-Identifier: Apache-2.0
#include "base/crash_point.h"

#ifdef WEIR_CRASH_POINTS
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace weir::base {
namespace {

constexpr int kKilledExit = 137;

struct Armed {
  std::string label;
  long passing = 0;  // 0: not armed
};

Armed read_environment() {
  const char* text = std::getenv("WEIR_CRASH_AT");
  if (text == nullptr) return {};
  const std::string_view asked(text);
  const std::size_t colon = asked.rfind(':');
  if (colon == std::string_view::npos) return {std::string(asked), 1};
  return {std::string(asked.substr(0, colon)), std::atol(text + colon + 1)};
}

}  // namespace

void pass_crash_point(const char* label) {
  static const Armed armed = read_environment();
  static std::atomic<long> passed = 0;
  if (armed.passing > 0 && armed.label == label && ++passed == armed.passing) ::_exit(kKilledExit);
}

}  // namespace weir::base
#endif
