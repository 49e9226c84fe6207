// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/answers.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;

Result<Work> read_datasets(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor"});
  return list_work(ports, query, {.listing = DatasetList{}, .form = PageKeyForm::Text});
}

Result<Work> read_dataset(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world"});
  return show_work(ports, query, DatasetPicture{request.param("dataset")});
}

Result<Work> read_dataset_versions(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor"});
  return list_work(
      ports, query,
      {.listing = DatasetVersionList{request.param("dataset")}, .form = PageKeyForm::InstantAndId});
}

Result<Work> read_partitions(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor", "dataset_version", "prefix"});
  PartitionList listing = {.dataset_id = request.param("dataset")};
  const std::optional<Uuid> version = query.uuid("dataset_version");
  if (version) listing.version = DatasetVersionId(*version);
  listing.prefix = query.text("prefix", kScopeBytes).value_or("");
  return list_work(ports, query, {.listing = std::move(listing), .form = PageKeyForm::Text});
}

Result<Work> read_audit(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"limit", "cursor"});
  return list_work(ports, query, {.listing = AuditList{}, .form = PageKeyForm::InstantAndNumber});
}

}  // namespace

std::vector<UserRoute> dataset_routes() {
  return {
      reading("/v1/datasets", read_datasets),
      reading("/v1/datasets/{dataset}", read_dataset),
      reading("/v1/datasets/{dataset}/versions", read_dataset_versions),
      reading("/v1/datasets/{dataset}/partitions", read_partitions),
  };
}

std::vector<UserRoute> audit_routes() {
  return {{.method = "GET",
           .path = "/v1/audit",
           .action = auth::Action::ReadAudit,
           .read = read_audit}};
}

}  // namespace weir::dispatcher
