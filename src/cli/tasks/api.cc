// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/api.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include <CLI/CLI.hpp>

#include "cli/console/console.h"
#include "cli/tasks/limits.h"
#include "cli/up/state_folder.h"

namespace weir::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void add_state_folder_flag(CLI::App& command, std::string& folder) {
  command.add_option("--state-dir", folder, "Folder of the `weir up` to talk to")
      ->capture_default_str()
      ->envname("WEIR_STATE_DIR")
      ->type_name("DIR");
}

void add_server_flags(CLI::App& command, ServerFlags& flags) {
  command
      .add_option("--url", flags.url,
                  "The task plane; without it the `weir up` of the state folder, else WEIR_URL")
      ->type_name("URL");
  add_state_folder_flag(command, flags.state_dir);
  command
      .add_option("--token-file", flags.token_file,
                  "File of the user's token, mode 0600; without it that of the state folder")
      ->envname("WEIR_TOKEN_FILE")
      ->type_name("FILE");
}

void add_world_flag(CLI::App& command, ServerFlags& flags) {
  command.add_option("--world", flags.world, "The world to look at")
      ->capture_default_str()
      ->type_name("WORLD");
}

void add_page_flags(CLI::App& command, PageFlags& flags) {
  command.add_option("--limit", flags.limit, "Items of one page")
      ->check(CLI::Range(1, kPageMax).description(""))
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--cursor", flags.cursor, "Begin after the page that gave this cursor")
      ->type_name("CURSOR");
}

Result<UserApiTarget> find_server(const ServerFlags& flags) {
  WEIR_TRY(const std::optional<UpNote> note, running_in(flags.state_dir));
  UserApiTarget target{.url = flags.url, .token_file = flags.token_file};
  if (target.url.empty() && note) target.url = note->tasks;
  if (target.url.empty()) target.url = environment("WEIR_URL");
  if (target.url.empty()) {
    const std::string why = note ? "the `weir up` on " + flags.state_dir + " has no task plane yet"
                                 : "nothing runs on " + flags.state_dir;
    return base::not_found("no_server",
                           why + ": start `weir up`, or name a server with --url or WEIR_URL");
  }
  const std::filesystem::path own = StatePaths{flags.state_dir}.user_token();
  std::error_code error;
  if (target.token_file.empty() && std::filesystem::exists(own, error)) target.token_file = own;
  return target;
}

std::unique_ptr<Api> Api::open(const Session& session, const ServerFlags& flags) {
  auto target = find_server(flags);
  if (!target.ok()) {
    print_error(target.error());
    return nullptr;
  }
  std::unique_ptr<Api> api(new Api(session, flags));
  auto client = UserApiClient::create(*std::move(target), api->clock_, api->random_);
  if (!client.ok()) {
    print_error(client.error());
    return nullptr;
  }
  api->client_ = *std::move(client);
  return api;
}

std::optional<std::string> Api::call(const ApiCall& call) {
  Result<ApiAnswer> answer = client_->call(call);
  if (!answer.ok()) {
    print_error(answer.error());
    return {};
  }
  if (answer->ok()) return std::move(answer->body);
  print_error(problem_of(*answer));
  const JsonTree problem = JsonTree::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (session_.json() && problem.is_object()) print_body(answer->body);
  if (!session_.json()) print_error(faults_text(problem, ""));
  return {};
}

std::optional<JsonTree> Api::call_json(const ApiCall& call) {
  const std::optional<std::string> body = this->call(call);
  return body ? read_body(*body) : std::nullopt;
}

std::optional<JsonTree> Api::get(const ApiPath& path) { return call_json({.path = path.text()}); }

int Api::show(const ApiCall& call, const std::function<std::string(const JsonTree&)>& text) {
  const std::optional<std::string> body = this->call(call);
  if (!body) return kExitFailed;
  if (session_.json()) {
    print_body(*body);
    return kExitOk;
  }
  const std::optional<JsonTree> read = read_body(*body);
  if (!read) return kExitFailed;
  print_out(text(*read));
  tell_next_page(*read);
  return kExitOk;
}

void print_body(const std::string& body) { print_out(body.ends_with('\n') ? body : body + "\n"); }

std::optional<JsonTree> read_body(const std::string& body) {
  JsonTree read = JsonTree::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!read.is_discarded()) return read;
  print_error("bad_answer: the server's answer is no JSON\n");
  return {};
}

std::string faults_text(const JsonTree& problem, const std::string& file) {
  std::string text;
  for (const char* list : {"errors", "warnings"}) {
    for (const JsonTree& fault : list_at(problem, {list})) {
      if (!file.empty()) text += file + ":";
      if (at(fault, {"line"}).is_number()) {
        text += cell(fault, {"line"}) + ":" + cell(fault, {"column"}) + ": ";
      } else if (!file.empty()) {
        text += " ";
      }
      text += cell(fault, {"code"}) + " ";
      const std::string path = cell(fault, {"path"});
      if (path != "-" && !path.empty()) text += path + ": ";
      text += cell(fault, {"detail"});
      const std::string hint = cell(fault, {"hint"});
      if (hint != "-") text += "; did you mean `" + hint + "`?";
      text += "\n";
    }
  }
  return text;
}

void tell_next_page(const JsonTree& body) {
  const JsonTree& next = at(body, {"next_cursor"});
  if (next.is_string()) print_error("more: --cursor " + next.get<std::string>() + "\n");
}

}  // namespace weir::cli
