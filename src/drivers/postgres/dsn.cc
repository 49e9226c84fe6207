// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/dsn.h"

#include <libpq-fe.h>

#include <memory>
#include <utility>

#include "drivers/postgres/errors.h"

namespace weir::postgres {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

Result<DsnParts> parse_dsn(const std::string& dsn) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(dsn.c_str(), &complaint));
  if (!options) {
    // libpq's complaint may repeat the text, password included.
    PQfreemem(complaint);
    return base::invalid_argument(
        std::string(kDsnInvalid),
        "the PostgreSQL DSN cannot be read; it looks like postgresql://user@host:5432/database or "
        "host=… dbname=… user=…");
  }
  DsnParts parts;
  const std::pair<std::string_view, std::string*> wanted[] = {{"host", &parts.host},
                                                              {"port", &parts.port},
                                                              {"dbname", &parts.database},
                                                              {"user", &parts.user},
                                                              {"options", &parts.options}};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    for (const auto& [keyword, value] : wanted) {
      if (keyword == option->keyword) *value = option->val;
    }
  }
  return parts;
}

Result<std::string> describe_dsn(const std::string& dsn) {
  WEIR_TRY(const DsnParts parts, parse_dsn(dsn));
  std::string text;
  if (!parts.user.empty()) text += parts.user + "@";
  text += parts.host;
  if (!parts.port.empty()) text += ":" + parts.port;
  return text + "/" + parts.database;
}

std::string escape_option(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == ' ') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace weir::postgres
