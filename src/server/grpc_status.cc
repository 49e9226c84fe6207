// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_status.h"

#include <string>
#include <string_view>

#include "server/limits.h"

namespace weir::server {
namespace {

constexpr std::string_view kCut = " ...";

/// Bytes a character takes in the trailer `grpc-message`: what is not printable ASCII, and `%`,
/// goes as three ("PROTOCOL-HTTP2.md" of gRPC, Percent-Byte-Unencoded).
std::size_t wire_bytes(char character) {
  return character >= ' ' && character <= '~' && character != '%' ? 1 : 3;
}

bool continues_utf8(char character) {
  return (static_cast<unsigned char>(character) & 0xC0U) == 0x80U;
}

std::string cut_for_wire(std::string text) {
  std::size_t bytes = 0;
  std::size_t keep = text.size();  // where to cut if the whole does not fit
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!continues_utf8(text[at]) && bytes + kCut.size() <= kGrpcMessageBytesMax) keep = at;
    bytes += wire_bytes(text[at]);
    if (bytes <= kGrpcMessageBytesMax) continue;
    text.resize(keep);
    return text.append(kCut);
  }
  return text;
}

}  // namespace

grpc::Status grpc_status(const Error& error) {
  return {static_cast<grpc::StatusCode>(base::grpc_code(error.code())),
          cut_for_wire(error.describe())};
}

grpc::Status finish_with(grpc::ServerContextBase& context, const Error& error) {
  context.AddTrailingMetadata("weir-reason", error.reason());
  return grpc_status(error);
}

TraceContext trace_of(const grpc::ServerContextBase& context, Random& random) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("traceparent");
  if (found == metadata.end()) return new_trace(random);
  return continue_trace({found->second.data(), found->second.size()}, random);
}

}  // namespace weir::server
