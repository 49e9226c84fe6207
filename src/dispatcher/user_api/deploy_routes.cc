// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "dispatcher/deploy/deploy_service.h"
#include "dispatcher/user_api/answers.h"
#include "dispatcher/user_api/deploy_options.h"
#include "dispatcher/wire/problems.h"

namespace weir::dispatcher {
namespace {

using nlohmann::ordered_json;
using server::HttpRequest;
using server::HttpResponse;

Actor actor_of(const Caller& caller) {
  return {.org_id = caller.principal.org_id,
          .user_id = caller.principal.user_id,
          .name = caller.principal.user_id.text(),
          .request_id = Uuid::parse(caller.request_id)};
}

/// The problem of a refusal: a code that the contract lacks is a mistake of ours, and told so.
HttpResponse refusal_answer(const DeployRefusal& refusal, const Caller& caller) {
  ordered_json members = ordered_json::object();
  if (!refusal.members_json.empty()) members = ordered_json::parse(refusal.members_json);
  if (!refusal.errors.empty()) members["errors"] = ordered_json::parse(faults_json(refusal.errors));
  if (!refusal.errors.empty() || !refusal.warnings.empty()) {
    members["warnings"] = ordered_json::parse(faults_json(refusal.warnings));
  }
  const Error error(Code::FailedPrecondition, refusal.code, refusal.detail);
  return problem_response(error, caller.request_id, {.members = &members});
}

Result<Work> read_validation(const UserApiPorts& ports, const HttpRequest& request) {
  WEIR_TRY(ValidateRequest asked, read_validate(request));
  return Work([&ports, asked = std::move(asked)](const Caller& caller) -> Result<HttpResponse> {
    WEIR_CHECK(check_world(asked.world));
    WEIR_TRY(const auto answer, ports.deploys.validate(actor_of(caller), asked));
    if (!answer.ok()) return refusal_answer(*answer.refused, caller);
    return json_answer(body_of(answer.reply));
  });
}

Result<Work> read_new_deploy(const UserApiPorts& ports, const HttpRequest& request) {
  WEIR_TRY(DeployDraft draft, read_deploy_request(request));
  return Work(
      [&ports, &request, draft = std::move(draft)](const Caller& caller) -> Result<HttpResponse> {
        WEIR_CHECK(check_world(draft.options.world));
        const DeployRequest deploy = {.dag = request.param("dag"),
                                      .yaml = draft.yaml,
                                      .plan_json = draft.plan_json,
                                      .options = draft.options};
        WEIR_TRY(const auto answer, ports.deploys.deploy(actor_of(caller), deploy));
        if (!answer.ok()) return refusal_answer(*answer.refused, caller);
        return json_answer(body_of(answer.reply), answer.reply.created ? 201 : 200);
      });
}

Result<Work> read_activation(const UserApiPorts& ports, const HttpRequest& request) {
  WEIR_TRY(ActivateDraft draft, read_activate(request));
  return Work(
      [&ports, &request, draft = std::move(draft)](const Caller& caller) -> Result<HttpResponse> {
        WEIR_CHECK(check_world(draft.options.world));
        const ActivateRequest activate = {
            .dag = request.param("dag"), .version = draft.version, .options = draft.options};
        WEIR_TRY(const auto answer, ports.deploys.set_active(actor_of(caller), activate));
        if (!answer.ok()) return refusal_answer(*answer.refused, caller);
        return json_answer(body_of(answer.reply), answer.reply.deploy ? 202 : 200);
      });
}

}  // namespace

std::vector<UserRoute> deploy_routes() {
  using auth::Action;
  return {
      {.method = "POST",
       .path = "/v1/dags/validate",
       .action = Action::Validate,
       .read = read_validation,
       .body_bytes_max = kDagBodyBytes},
      {.method = "POST",
       .path = "/v1/dags/{dag}/versions",
       .action = Action::Deploy,
       .read = read_new_deploy,
       .audited = AuditedBy::Service,
       .body_bytes_max = kDeployBodyBytes},
      {.method = "PUT",
       .path = "/v1/dags/{dag}/active",
       .action = Action::Activate,
       .read = read_activation,
       .audited = AuditedBy::Service},
  };
}

}  // namespace weir::dispatcher
