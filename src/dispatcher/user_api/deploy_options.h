// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "dispatcher/deploy/deploy_service.h"
#include "server/http/http_message.h"

/// Requests about deploys, read (contract section 3.5). Faults: INVALID_ARGUMENT `invalid_request`
/// and `unknown_field`; RESOURCE_EXHAUSTED `too_large` for a document of more than kDagBodyBytes.
namespace weir::dispatcher {

/// POST /v1/dags/validate. The document's bytes are the request's.
Result<ValidateRequest> read_validate(const server::HttpRequest& request);

/// POST /v1/dags/{dag}/versions: YAML, or a JSON object with it and a saved plan.
struct DeployDraft {
  std::string yaml;
  std::string plan_json = {};
  DeployOptions options = {};
};
Result<DeployDraft> read_deploy_request(const server::HttpRequest& request);

/// PUT /v1/dags/{dag}/active.
struct ActivateDraft {
  DagVersionId version;
  DeployOptions options = {};
};
Result<ActivateDraft> read_activate(const server::HttpRequest& request);

}  // namespace weir::dispatcher
