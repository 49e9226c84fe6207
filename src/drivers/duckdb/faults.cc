// SPDX-License-Identifier: Apache-2.0
#include "drivers/duckdb/faults.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/duckdb/c_api.h"

namespace weir::duckdb {
namespace {

std::string first_line(const char* message) {
  std::string_view text = message == nullptr ? "no message" : message;
  return std::string(text.substr(0, text.find('\n')));
}

constexpr int kErrorOther = 0;
constexpr std::array<std::pair<std::string_view, int>, 6> kNames = {{
    {"IO Error", c_api::kErrorIo},
    {"Out of Memory Error", c_api::kErrorOutOfMemory},
    {"Permission Error", c_api::kErrorPermission},
    {"INTERRUPT Error", c_api::kErrorInterrupt},
    {"FATAL Error", c_api::kErrorFatal},
    {"INTERNAL Error", c_api::kErrorInternal},
}};

}  // namespace

Error fault_of(int type, const char* message) {
  std::string text = first_line(message);
  switch (type) {
    case c_api::kErrorIo:
    case c_api::kErrorInterrupt:
    case c_api::kErrorFatal:
    case c_api::kErrorInternal:
      return base::unavailable("engine_failed", std::move(text));
    case c_api::kErrorOutOfMemory:
      return {Code::ResourceExhausted, "engine_memory", std::move(text)};
    case c_api::kErrorPermission:
      return {Code::PermissionDenied, "engine_denied", std::move(text)};
    default:
      return base::invalid_argument("engine_refused", std::move(text));
  }
}

Error fault_of_message(const char* message) {
  const std::string text = first_line(message);
  for (const auto& [name, type] : kNames) {
    if (text.starts_with(name)) return fault_of(type, message);
  }
  return fault_of(kErrorOther, message);
}

}  // namespace weir::duckdb
