// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "cli/client/user_api_client.h"
#include "cli/console/session.h"
#include "cli/tasks/json_cells.h"
#include "server/system_clock.h"

namespace weir::cli {

/// Where a command of the task plane finds its server; flags that all of them have.
struct ServerFlags {
  std::string url;
  std::string state_dir = ".weir";
  std::string token_file;
  std::string world = "live";
};

void add_server_flags(CLI::App& command, ServerFlags& flags);
void add_state_folder_flag(CLI::App& command, std::string& folder);
void add_world_flag(CLI::App& command, ServerFlags& flags);

/// A page of a list.
struct PageFlags {
  int limit = 100;
  std::string cursor;
};
void add_page_flags(CLI::App& command, PageFlags& flags);

/// The server that the flags name, else the `weir up` of the state folder, else WEIR_URL; with the
/// token that opens it. NOT_FOUND `no_server`, with what to do.
Result<UserApiTarget> find_server(const ServerFlags& flags);

/// One command's conversation with the user API. A refusal is told: `code: detail` on standard
/// error and, in the form json, the problem itself on standard output.
class Api {
 public:
  /// Nothing, and says why, if there is no server to talk to.
  static std::unique_ptr<Api> open(const Session& session, const ServerFlags& flags);

  /// The body of an answer 2xx; nothing, and it is told, for any other.
  std::optional<std::string> call(const ApiCall& call);
  /// The same, read.
  std::optional<JsonTree> call_json(const ApiCall& call);
  std::optional<JsonTree> get(const ApiPath& path);

  /// Calls, and prints the body as it is, or what `text` makes of it. Gives the exit code.
  int show(const ApiCall& call, const std::function<std::string(const JsonTree&)>& text);

  UserApiClient& client() { return *client_; }
  Clock& clock() { return clock_; }
  const Session& session() const { return session_; }
  const ServerFlags& flags() const { return flags_; }

 private:
  Api(const Session& session, ServerFlags flags) : session_(session), flags_(std::move(flags)) {}

  const Session& session_;
  const ServerFlags flags_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  std::unique_ptr<UserApiClient> client_;
};

/// Prints a body as it came, one document and a line end.
void print_body(const std::string& body);
/// Reads the body of an answer; nothing, and says so, if it is no JSON.
std::optional<JsonTree> read_body(const std::string& body);
/// What of a problem people read after `code: detail`: its list of faults, a line each.
std::string faults_text(const JsonTree& problem, const std::string& file);
/// Says what the next page is asked by, if there is one.
void tell_next_page(const JsonTree& body);

}  // namespace weir::cli
