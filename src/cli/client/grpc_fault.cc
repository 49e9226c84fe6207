// SPDX-License-Identifier: Apache-2.0
#include "cli/client/grpc_fault.h"

#include <string_view>
#include <utility>

namespace weir::cli {
namespace {

constexpr const char* kReasonMetadata = "weir-reason";

std::string reason_of(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kReasonMetadata);
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

}  // namespace

Error error_of(const grpc::Status& status, const grpc::ClientContext& context) {
  std::string reason = reason_of(context);
  std::string message = status.error_message();
  if (!reason.empty() && message.starts_with(reason + ": ")) message.erase(0, reason.size() + 2);
  return {static_cast<Code>(status.error_code()), std::move(reason), std::move(message)};
}

std::string describe_fault(const Error& error, const std::string& target) {
  std::string text = "gRPC error: " + std::string(base::code_name(error.code()));
  if (!error.reason().empty()) text += " " + error.reason();
  text += ": " + error.message();
  if (error.code() == Code::Unavailable && error.reason().empty()) {
    text += "\nNo DAG manager answers at " + target +
            ": start one with `weir up`, or name another with --target.";
  }
  return text;
}

}  // namespace weir::cli
