// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/auth/es256.h"
#include "server/auth/key_set.h"
#include "server/auth/prefixes.h"
#include "server/config/secret.h"

/// The capability token (section 3.1): what one attempt of one task may touch. Whoever holds it may
/// do that and nothing else; the fence of the attempt is checked on top.
namespace weir::auth {

inline constexpr std::string_view kCapabilityAudience = "trace.task";
inline constexpr std::string_view kCapabilityType = "weir-task+jwt";

/// The codes of its refusals (section 3.7).
inline constexpr std::string_view kCapabilityInvalid = "capability_invalid";
inline constexpr std::string_view kCapabilityMismatch = "capability_mismatch";

/// One pinned input.
struct DatasetGrant {
  Uuid dataset_uuid;
  Uuid dataset_version;
  std::string relation;                    ///< the name it is read under
  std::optional<std::string> storage_ref;  ///< none where only the Query Service reads it
  std::optional<std::string> where;        ///< canonical JSON of the filter (section 2.5.2)

  friend bool operator==(const DatasetGrant&, const DatasetGrant&) = default;
};

struct OutputGrant {
  std::string output;
  Uuid dataset_uuid;
  Uuid dataset_version;

  friend bool operator==(const OutputGrant&, const OutputGrant&) = default;
};

struct CapabilityGrants {
  std::vector<DatasetGrant> datasets;
  std::vector<OutputGrant> outputs;
  std::vector<std::string> read_prefixes;
  std::vector<std::string> write_prefixes;

  friend bool operator==(const CapabilityGrants&, const CapabilityGrants&) = default;
};

struct CapabilityClaims {
  std::string issuer;
  Uuid org_id;
  AttemptRef bound_to;  ///< `task_id`, `attempt`; `sub` says the task once more
  Uuid jti;
  Instant issued_at;
  Instant expires_at;
  CapabilityGrants grants;
  std::optional<Uuid> cap;  ///< where grants that are too long are kept; `grants` is empty then

  friend bool operator==(const CapabilityClaims&, const CapabilityClaims&) = default;
};

/// How long a capability lives: min(timeout + 300 s, 3600 s).
Duration capability_life(Duration timeout);

/// The claims as a JSON object (capability_json.cc). INVALID_ARGUMENT `capability_invalid` if a
/// reader would refuse them.
Result<std::string> write_capability(const CapabilityClaims& claims);
/// The three members `datasets`, `outputs` and `s3` as a JSON object: what `cap` resolves to.
std::string write_grants(const CapabilityGrants& grants);
/// Reads them back for that attempt; UNAUTHENTICATED `capability_invalid`.
Result<CapabilityGrants> read_grants(JsonValue object, const AttemptRef& bound_to);

/// Signs them. INVALID_ARGUMENT `token_too_large` above 8 KiB: the grants are then stored, and
/// `cap` takes their place.
Result<server::Secret> sign_capability(const CapabilityClaims& claims, const SigningKey& key);

/// Reads claims whose signature, issuer, audience and times hold. Closed: an unknown claim is
/// refused too. UNAUTHENTICATED `capability_invalid`; PERMISSION_DENIED `capability_mismatch` if
/// `sub` is not of the task.
Result<CapabilityClaims> read_capability(JsonValue claims);

/// All of it: signature, issuer, audience, times, claims. UNAVAILABLE if the keys could not be had.
Result<CapabilityClaims> verify_capability(std::string_view token, const TokenKeys& keys,
                                           std::string_view issuer, Instant now);

/// PERMISSION_DENIED `capability_mismatch` unless the body's task and attempt are the token's.
Result<void> check_binding(const CapabilityClaims& claims, const AttemptRef& of_body);

/// A dataset that a request names.
struct DatasetRef {
  Uuid dataset_uuid;
  Uuid dataset_version;
};

/// The grant of a dataset; PERMISSION_DENIED `dataset_not_granted` if it was not pinned.
Result<DatasetGrant> check_dataset(const CapabilityGrants& grants, const DatasetRef& dataset);
/// PERMISSION_DENIED `output_not_owned` unless that output writes that dataset.
Result<void> check_output(const CapabilityGrants& grants, std::string_view output,
                          const DatasetRef& dataset);
/// PERMISSION_DENIED `prefix_denied` unless the object is under a read or a write prefix.
Result<void> check_read(const CapabilityGrants& grants, std::string_view uri);
Result<void> check_write(const CapabilityGrants& grants, std::string_view uri);

}  // namespace weir::auth
