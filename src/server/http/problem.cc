// SPDX-License-Identifier: Apache-2.0
#include "server/http/problem.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/json_dump.h"
#include "base/text.h"
#include "server/limits.h"

namespace weir::server {
namespace {

/// Words of code names that are written in capitals.
constexpr std::array<std::string_view, 10> kCapitals = {"dag", "json", "id",   "http", "grpc",
                                                        "acl", "dsn",  "rbac", "tls",  "sql"};

bool is_inside(Code code) {
  return code == Code::Internal || code == Code::Unknown || code == Code::DataLoss;
}

nlohmann::ordered_json fault_list(const Error& error) {
  auto list = nlohmann::ordered_json::array();
  for (const Fault& fault : error.faults()) {
    list.push_back({{"code", fault.reason}, {"detail", fault.text}, {"path", fault.path}});
  }
  return list;
}

}  // namespace

std::string problem_title(std::string_view code) {
  std::vector<std::string> words;
  for (const std::string_view word : base::split(code, '_')) {
    std::string& text = words.emplace_back(word);
    if (std::ranges::find(kCapitals, word) != kCapitals.end()) {
      for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
    }
  }
  if (!words.front().empty()) {
    char& first = words.front().front();
    first = static_cast<char>(std::toupper(static_cast<unsigned char>(first)));
  }
  return base::join(words, " ");
}

HttpResponse problem_response(const Error& error, std::string_view request_id,
                              std::optional<int> status) {
  const int shown_status = status.value_or(base::http_status(error.code()));
  const bool inside = is_inside(error.code());
  const std::string code = inside ? "internal" : error.reason();
  const std::string instance = "urn:uuid:" + std::string(request_id);
  nlohmann::ordered_json body = {
      {"type", "urn:weir:problem:" + code},
      {"title", problem_title(code)},
      {"status", shown_status},
      {"detail", inside ? "The server failed inside; its log says more under this instance."
                        : error.message()},
      {"instance", instance},
      {"code", code},
  };
  if (!inside && !error.faults().empty()) body["errors"] = fault_list(error);
  HttpResponse response;
  response.status = shown_status;
  response.content_type = "application/problem+json";
  response.body = base::dump_json(body);
  if (shown_status == 429 || shown_status == 503) {
    response.headers.push_back({"Retry-After", std::to_string(kRetryAfter.count())});
  }
  return response;
}

}  // namespace weir::server
