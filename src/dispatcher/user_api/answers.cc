// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/answers.h"

#include "base/json.h"

namespace weir::dispatcher {

server::HttpResponse json_answer(std::string body, int status) {
  server::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

server::HttpResponse page_answer(const RegistryPage& page, PageKeyForm form) {
  std::string body = R"({"items":[)";
  std::string_view separator;
  for (const std::string& item : page.items) {
    body.append(separator).append(item);
    separator = ",";
  }
  body += R"(],"next_cursor":)";
  if (page.next) {
    base::append_json_text(body, write_page_cursor(form, *page.next));
  } else {
    body += "null";
  }
  return json_answer(body + "}");
}

Result<void> check_world(const std::string& world) {
  if (world == kLiveWorld) return {};
  return base::not_found("not_found", "there is nothing of that name");
}

Uuid id_in_path(const server::HttpRequest& request, std::string_view name) {
  return Uuid::parse(request.param(name)).value_or(Uuid{});
}

Result<void> refuse_body(const server::HttpRequest& request) {
  if (request.body.empty()) return {};
  return base::invalid_argument("invalid_request", "this route takes no body");
}

UserRoute reading(std::string_view path, ReadRequest read) {
  return {.method = "GET", .path = path, .action = auth::Action::Read, .read = read};
}

Result<Work> list_work(const UserApiPorts& ports, QueryReader& query, ListRequest request) {
  const RegistryPageRequest page = query.page(request.form);
  const std::string world = query.world();
  WEIR_CHECK(query.finish());
  return Work([&ports, page, world,
               request = std::move(request)](const Caller& caller) -> Result<server::HttpResponse> {
    WEIR_CHECK(check_world(world));
    const RegistryScope scope = {.org = caller.principal.org_id, .world = world};
    WEIR_TRY(const RegistryPage items, ports.registry.list(scope, request.listing, page));
    return page_answer(items, request.form);
  });
}

Result<Work> show_work(const UserApiPorts& ports, QueryReader& query, Picture picture) {
  const std::string world = query.world();
  WEIR_CHECK(query.finish());
  return Work([&ports, world,
               picture = std::move(picture)](const Caller& caller) -> Result<server::HttpResponse> {
    WEIR_CHECK(check_world(world));
    const RegistryScope scope = {.org = caller.principal.org_id, .world = world};
    WEIR_TRY(std::string body, ports.registry.show(scope, picture));
    return json_answer(std::move(body));
  });
}

}  // namespace weir::dispatcher
