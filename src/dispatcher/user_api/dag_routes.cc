// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "dispatcher/user_api/answers.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;

constexpr std::array<std::string_view, 3> kPointerSets = {"current", "previous", "candidate"};

Result<Work> read_dags(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor"});
  return list_work(ports, query, {.listing = DagList{}, .form = PageKeyForm::Text});
}

Result<Work> read_dag(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world"});
  return show_work(ports, query, DagPicture{request.param("dag")});
}

Result<Work> read_dag_versions(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor"});
  return list_work(ports, query,
                   {.listing = DagVersionList{request.param("dag")}, .form = PageKeyForm::Number});
}

Result<Work> read_version(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world"});
  return show_work(ports, query,
                   DagVersionPicture{.dag = request.param("dag"),
                                     .version = DagVersionId(id_in_path(request, "id"))});
}

Result<Work> read_deploys(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor"});
  return list_work(
      ports, query,
      {.listing = DeployList{request.param("dag")}, .form = PageKeyForm::InstantAndId});
}

Result<Work> read_deploy(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world"});
  return show_work(
      ports, query,
      DeployPicture{.dag = request.param("dag"), .deploy = DeployId(id_in_path(request, "id"))});
}

Result<Work> read_graph(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "pointer_set"});
  GraphPicture picture = {.dag = request.param("dag")};
  const auto named = query.text("pointer_set", kScopeBytes);
  const auto* const found = std::ranges::find(kPointerSets, named.value_or("current"));
  if (found != kPointerSets.end()) {
    picture.pointer_set = static_cast<PointerSetName>(found - kPointerSets.begin());
  } else {
    picture.pointer_set = PointerSetId(query.uuid("pointer_set").value_or(Uuid{}));
  }
  return show_work(ports, query, std::move(picture));
}

}  // namespace

std::vector<UserRoute> dag_routes() {
  return {
      reading("/v1/dags", read_dags),
      reading("/v1/dags/{dag}", read_dag),
      reading("/v1/dags/{dag}/versions", read_dag_versions),
      reading("/v1/dags/{dag}/versions/{id}", read_version),
      reading("/v1/dags/{dag}/deploys", read_deploys),
      reading("/v1/dags/{dag}/deploys/{id}", read_deploy),
      reading("/v1/dags/{dag}/graph", read_graph),
  };
}

}  // namespace weir::dispatcher
