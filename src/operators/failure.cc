// SPDX-License-Identifier: Apache-2.0
#include "operators/failure.h"

#include <utility>

namespace weir::operators {

Error fatal_error(std::string code, std::string message) {
  return base::failed_precondition(std::move(code), std::move(message));
}

Error retryable_error(std::string code, std::string message) {
  return base::unavailable(std::move(code), std::move(message));
}

bool is_retryable(const Error& error) {
  switch (error.code()) {
    case Code::Unavailable:
    case Code::Aborted:
    case Code::DeadlineExceeded:
    case Code::ResourceExhausted:
    case Code::Cancelled:
    case Code::Internal:
    case Code::Unknown:
      return true;
    default:
      return false;
  }
}

}  // namespace weir::operators
