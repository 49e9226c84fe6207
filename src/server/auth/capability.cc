// SPDX-License-Identifier: Apache-2.0
#include "server/auth/capability.h"

#include <algorithm>
#include <utility>

#include "server/auth/limits.h"
#include "server/auth/token.h"

namespace weir::auth {
namespace {

Error denied(std::string_view code, std::string message) {
  return {Code::PermissionDenied, std::string(code), std::move(message)};
}

bool any_holds(const std::vector<std::string>& prefixes, std::string_view uri) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [uri](const std::string& prefix) { return is_under(uri, prefix); });
}

}  // namespace

Duration capability_life(Duration timeout) {
  return std::min<Duration>(timeout + kCapabilityMargin, kCapabilityLifeMax);
}

Result<server::Secret> sign_capability(const CapabilityClaims& claims, const SigningKey& key) {
  WEIR_TRY(std::string text, write_capability(claims));
  return sign_token(text, kCapabilityType, key);
}

Result<CapabilityClaims> verify_capability(std::string_view token, const TokenKeys& keys,
                                           std::string_view issuer, Instant now) {
  const TokenExpectations expected = {.issuer = std::string(issuer),
                                      .audience = std::string(kCapabilityAudience),
                                      .types = {kCapabilityType},
                                      .life_max = kCapabilityLifeMax,
                                      .refusal = kCapabilityInvalid};
  WEIR_TRY(VerifiedToken verified, verify_token(token, keys, expected, now));
  return read_capability(verified.claims.root());
}

Result<void> check_binding(const CapabilityClaims& claims, const AttemptRef& of_body) {
  if (claims.bound_to == of_body) return {};
  return denied(kCapabilityMismatch, "the capability is for another task or attempt");
}

Result<DatasetGrant> check_dataset(const CapabilityGrants& grants, const DatasetRef& dataset) {
  for (const DatasetGrant& grant : grants.datasets) {
    if (grant.dataset_uuid == dataset.dataset_uuid &&
        grant.dataset_version == dataset.dataset_version) {
      return grant;
    }
  }
  return denied("dataset_not_granted", "the capability does not cover that dataset version");
}

Result<void> check_output(const CapabilityGrants& grants, std::string_view output,
                          const DatasetRef& dataset) {
  for (const OutputGrant& grant : grants.outputs) {
    if (grant.output == output && grant.dataset_uuid == dataset.dataset_uuid &&
        grant.dataset_version == dataset.dataset_version) {
      return {};
    }
  }
  return denied("output_not_owned", "the capability does not cover that output");
}

Result<void> check_read(const CapabilityGrants& grants, std::string_view uri) {
  if (any_holds(grants.read_prefixes, uri)) return {};
  return denied("prefix_denied", "the capability does not read there");
}

Result<void> check_write(const CapabilityGrants& grants, std::string_view uri) {
  if (any_holds(grants.write_prefixes, uri)) return {};
  return denied("prefix_denied", "the capability does not write there");
}

}  // namespace weir::auth
