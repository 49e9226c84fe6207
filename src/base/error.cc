// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>
#include <utility>

namespace weir::base {
namespace {

struct CodeRow {
  std::string_view name;
  int http;
};

// Indexed by gRPC's number; contract section 1.3 gives the HTTP column.
constexpr std::array<CodeRow, 17> kCodes = {{
    {"OK", 200},
    {"CANCELLED", 500},
    {"UNKNOWN", 500},
    {"INVALID_ARGUMENT", 400},
    {"DEADLINE_EXCEEDED", 504},
    {"NOT_FOUND", 404},
    {"ALREADY_EXISTS", 409},
    {"PERMISSION_DENIED", 403},
    {"RESOURCE_EXHAUSTED", 429},
    {"FAILED_PRECONDITION", 409},
    {"ABORTED", 409},
    {"OUT_OF_RANGE", 400},
    {"UNIMPLEMENTED", 501},
    {"INTERNAL", 500},
    {"UNAVAILABLE", 503},
    {"DATA_LOSS", 500},
    {"UNAUTHENTICATED", 401},
}};

const CodeRow& row(Code code) { return kCodes.at(static_cast<std::size_t>(code)); }

}  // namespace

Error Error::with_faults(std::vector<Fault> faults) && {
  faults_ = std::move(faults);
  return std::move(*this);
}

Error Error::prepend(std::string_view attempted) && {
  message_.insert(0, ": ").insert(0, attempted);
  return std::move(*this);
}

std::string Error::describe() const {
  std::string text = reason_ + ": " + message_;
  std::size_t shown = 0;
  for (const Fault& fault : faults_) {
    std::string line = "\n" + fault.reason + " " + fault.path + ": " + fault.text;
    if (shown == kFaultLinesMax || text.size() + line.size() > kFaultBytesMax) break;
    text += line;
    ++shown;
  }
  if (shown < faults_.size()) text += "\nand " + std::to_string(faults_.size() - shown) + " more";
  return text;
}

int grpc_code(Code code) { return static_cast<int>(code); }
std::string_view code_name(Code code) { return row(code).name; }
int http_status(Code code) { return row(code).http; }

Error invalid_argument(std::string reason, std::string message) {
  return {Code::InvalidArgument, std::move(reason), std::move(message)};
}
Error failed_precondition(std::string reason, std::string message) {
  return {Code::FailedPrecondition, std::move(reason), std::move(message)};
}
Error unavailable(std::string reason, std::string message) {
  return {Code::Unavailable, std::move(reason), std::move(message)};
}
Error not_found(std::string reason, std::string message) {
  return {Code::NotFound, std::move(reason), std::move(message)};
}
Error internal(std::string message) { return {Code::Internal, "internal", std::move(message)}; }
Error unimplemented(std::string reason, std::string message) {
  return {Code::Unimplemented, std::move(reason), std::move(message)};
}

}  // namespace weir::base
