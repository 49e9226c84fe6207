// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/user_api.h"

#include <string>
#include <utility>
#include <vector>

#include "dispatcher/user_api/answers.h"
#include "dispatcher/user_api/desk.h"
#include "dispatcher/wire/problems.h"

namespace weir::dispatcher {

UserApi::UserApi(UserApiConfig config, UserApiPorts ports)
    : desk_(std::make_unique<Desk>(std::move(config), std::move(ports))) {}

UserApi::~UserApi() = default;

void add_user_routes(server::Router& router, UserApi& api) {
  UserApi::Desk& desk = *api.desk_;
  for (const auto& routes :
       {deploy_routes(), dag_routes(), task_routes(), dataset_routes(), audit_routes()}) {
    for (const UserRoute& route : routes) {
      router.add(
          {.method = std::string(route.method),
           .path = std::string(route.path),
           .handler = server::HttpHandler(
               [&desk, route](const server::HttpRequest& request) -> Result<server::HttpResponse> {
                 return desk.serve(route, request);
               }),
           .body_bytes_max = route.body_bytes_max});
    }
  }
  router.add({.method = "GET",
              .path = std::string(kEventsPath),
              .handler = server::DeferredHandler(
                  [&desk](const server::HttpRequest& request, server::Responder responder) {
                    desk.follow_events(request, std::move(responder));
                  })});
  router.add({.method = "GET",
              .path = "/healthz",
              .handler = server::HttpHandler(
                  [](const server::HttpRequest& /*request*/) -> Result<server::HttpResponse> {
                    return json_answer(R"({"status":"ok"})");
                  })});
  router.add({.method = "GET",
              .path = "/readyz",
              .handler = server::HttpHandler(
                  [&desk](const server::HttpRequest& request) -> Result<server::HttpResponse> {
                    const Result<void> ready = desk.ready();
                    if (ready.ok()) return json_answer(R"({"status":"ready"})");
                    return problem_response(
                        base::unavailable("unavailable", ready.error().message()),
                        request.request_id);
                  })});
}

}  // namespace weir::dispatcher
