// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/session.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/dsn.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/limits.h"

namespace weir::postgres {
namespace {

/// Settings as the startup parameter `options`; what the DSN says comes last and wins.
std::string startup_options(const ConnectOptions& options, const DsnParts& dsn) {
  std::string text;
  if (options.statements == StatementMode::Named) {
    for (const auto& [name, value] : options.settings) {
      text += "-c " + name + "=" + escape_option(value) + " ";
    }
  }
  return text + dsn.options;
}

}  // namespace

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Result<pg_conn*> open_session(const ConnectOptions& options) {
  WEIR_TRY(const DsnParts dsn, parse_dsn(options.dsn));
  const std::string connect_timeout = std::to_string(options.connect_timeout.count());
  const std::string user_timeout =
      std::to_string(std::chrono::milliseconds(kTcpUserTimeout).count());
  const std::string startup = startup_options(options, dsn);
  // A keyword named twice: the later one counts. So the DSN, at `dbname`, wins over what is before
  // it and loses to what is after it.
  const std::array<std::pair<const char*, const char*>, 6> parameters = {{
      {"connect_timeout", connect_timeout.c_str()},
      {"tcp_user_timeout", user_timeout.c_str()},
      {"fallback_application_name", options.application_name.c_str()},
      {"dbname", options.dsn.c_str()},
      {"client_encoding", "UTF8"},
      {startup.empty() ? nullptr : "options", startup.c_str()},
  }};
  std::array<const char*, parameters.size() + 1> keywords{};
  std::array<const char*, parameters.size() + 1> values{};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    keywords.at(i) = parameters.at(i).first;
    values.at(i) = parameters.at(i).second;
  }
  std::unique_ptr<pg_conn, decltype(&PQfinish)> connection(
      PQconnectdbParams(keywords.data(), values.data(), /*expand_dbname=*/1), &PQfinish);
  if (!connection) return base::unavailable(std::string(kPostgresUnavailable), "out of memory");
  if (PQstatus(connection.get()) != CONNECTION_OK || PQsetnonblocking(connection.get(), 1) != 0) {
    return base::unavailable(std::string(kPostgresUnavailable),
                             "connect: " + one_line(PQerrorMessage(connection.get())));
  }
  return connection.release();
}

}  // namespace weir::postgres
