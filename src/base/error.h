// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::base {

/// What kind of failure happened: gRPC's canonical codes, the only error enum of Weir.
enum class Code : std::uint8_t {
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

/// One fault of a document: what (`reason`, a stable word), where (`path`, a JSON Pointer or
/// `file:line:column`) and, for people, how to mend it (`text`).
struct Fault {
  std::string reason;
  std::string path;
  std::string text;
};

/// Why something could not be done. `reason` is a stable word for machines (contract section 1.1),
/// `message` is for people. `faults` lists every fault of a refused document, in document order.
class Error {
 public:
  Error(Code code, std::string reason, std::string message)
      : code_(code), reason_(std::move(reason)), message_(std::move(message)) {}

  Code code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const std::string& message() const { return message_; }
  const std::vector<Fault>& faults() const { return faults_; }

  /// Attaches the faults of a document.
  Error with_faults(std::vector<Fault> faults) &&;

  /// Prepends what was attempted, in the caller's words: "load config: " + message.
  Error prepend(std::string_view attempted) &&;

  /// "<reason>: <message>", followed by at most `fault_lines_max` lines
  /// "<reason> <path>: <text>" and 4 KiB, then how many more there are (contract section 1.1).
  std::string describe() const;

 private:
  Code code_;
  std::string reason_;
  std::string message_;
  std::vector<Fault> faults_;
};

/// Bounds of `Error::describe` (contract section 1.1).
inline constexpr std::size_t kFaultLinesMax = 20;
inline constexpr std::size_t kFaultBytesMax = 4096;

/// gRPC's number of the code (the enumerators carry it) and its spelled name, "NOT_FOUND".
int grpc_code(Code code);
std::string_view code_name(Code code);

/// HTTP status of the code (contract section 1.3, "From gRPC").
int http_status(Code code);

Error invalid_argument(std::string reason, std::string message);
Error failed_precondition(std::string reason, std::string message);
Error unavailable(std::string reason, std::string message);
Error not_found(std::string reason, std::string message);
Error internal(std::string message);
Error unimplemented(std::string reason, std::string message);

}  // namespace weir::base

namespace weir {
using base::Code;
using base::Error;
using base::Fault;
}  // namespace weir
