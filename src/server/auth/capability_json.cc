// SPDX-License-Identifier: Apache-2.0
#include "server/auth/capability.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include "base/canonical_json.h"
#include "server/auth/limits.h"
#include "server/auth/token.h"

namespace weir::auth {
namespace {

constexpr std::string_view kSubjectPrefix = "task:";

Error bad_claim(std::string_view claim) {
  return token_refused(kCapabilityInvalid, TokenFault::BadClaim, claim);
}

/// Whether an object has these members and no other, none twice; all but the last `optional` are
/// needed.
bool has_members(JsonValue object, std::span<const std::string_view> names, std::size_t optional) {
  if (!object.is_object() || object.size() > names.size()) return false;
  std::size_t met = 0;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (!object.find(names[at]).missing()) {
      ++met;
    } else if (at < names.size() - optional) {
      return false;
    }
  }
  return met == object.size();  // a foreign or repeated member makes the sizes differ
}

/// Ids are written in lower case (section 0); another spelling is not ours.
std::optional<Uuid> read_id(JsonValue claim) {
  if (!claim.is_text()) return std::nullopt;
  const std::optional<Uuid> id = Uuid::parse(claim.text());
  if (!id || id->is_nil() || id->text() != claim.text()) return std::nullopt;
  return id;
}

std::optional<std::int32_t> read_attempt(JsonValue claim) {
  if (!claim.is_number() || claim.kind() != JsonKind::Integer) return std::nullopt;
  const std::string_view token = claim.text();
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size() || value < 1) return std::nullopt;
  return value;
}

bool is_scalar(JsonValue value) { return value.is_text() || value.is_number() || value.is_bool(); }

/// Section 2.5.2: a mapping of 1...16 fields to a scalar or to a list of 1...64 scalars.
bool is_where(JsonValue where) {
  if (!where.is_object() || where.size() == 0 || where.size() > kWhereFieldsMax) return false;
  for (const JsonValue field : where) {
    // A field named twice would be two filters, of which only one would hold.
    if (where.find(field.key()).position() != field.position()) return false;
    if (is_scalar(field)) continue;
    if (!field.is_array() || field.size() == 0 || field.size() > kWhereValuesMax) return false;
    for (const JsonValue value : field) {
      if (!is_scalar(value)) return false;
    }
  }
  return true;
}

std::optional<DatasetGrant> read_dataset(JsonValue object) {
  static constexpr std::array<std::string_view, 5> kNames = {"dataset_uuid", "dataset_version",
                                                             "relation", "storage_ref", "where"};
  if (!has_members(object, kNames, 2)) return std::nullopt;
  const auto dataset = read_id(object.find("dataset_uuid"));
  const auto version = read_id(object.find("dataset_version"));
  auto relation = read_word(object.find("relation"));
  if (!dataset || !version || !relation) return std::nullopt;
  DatasetGrant grant = {.dataset_uuid = *dataset,
                        .dataset_version = *version,
                        .relation = *std::move(relation),
                        .storage_ref = std::nullopt,
                        .where = std::nullopt};
  if (const JsonValue ref = object.find("storage_ref"); !ref.missing()) {
    if (!ref.is_text() || ref.text().empty() || ref.text().size() > kStorageRefBytesMax) {
      return std::nullopt;
    }
    grant.storage_ref = std::string(ref.text());
  }
  if (const JsonValue where = object.find("where"); !where.missing()) {
    if (!is_where(where)) return std::nullopt;
    grant.where = base::canonical_json(where);
  }
  return grant;
}

std::optional<OutputGrant> read_output(JsonValue object) {
  static constexpr std::array<std::string_view, 3> kNames = {"output", "dataset_uuid",
                                                             "dataset_version"};
  if (!has_members(object, kNames, 0)) return std::nullopt;
  auto output = read_word(object.find("output"));
  const auto dataset = read_id(object.find("dataset_uuid"));
  const auto version = read_id(object.find("dataset_version"));
  if (!output || !dataset || !version) return std::nullopt;
  return OutputGrant{
      .output = *std::move(output), .dataset_uuid = *dataset, .dataset_version = *version};
}

/// Every element of a list read by `read`; nothing if it is no list, too long, or one is refused.
template <class Read>
auto read_list(JsonValue list, Read read)
    -> std::optional<std::vector<typename decltype(read(list))::value_type>> {
  if (!list.is_array() || list.size() > kGrantsMax) return std::nullopt;
  std::vector<typename decltype(read(list))::value_type> values;
  for (const JsonValue element : list) {
    auto value = read(element);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  return values;
}

std::optional<std::string> read_prefix(JsonValue element) {
  if (!element.is_text() || !is_canonical_prefix(element.text())) return std::nullopt;
  return std::string(element.text());
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  if (!out.ends_with('{')) out += ',';
  base::append_json_text(out, name);
  out += ':';
  base::append_json_text(out, text);
}

void append_prefixes(std::string& out, const std::vector<std::string>& prefixes) {
  out += '[';
  for (const std::string& prefix : prefixes) {
    if (!out.ends_with('[')) out += ',';
    base::append_json_text(out, prefix);
  }
  out += ']';
}

/// The members of write_grants without the braces.
std::string grant_members(const CapabilityGrants& grants) {
  std::string out = R"("datasets":[)";
  for (const DatasetGrant& grant : grants.datasets) {
    out += out.ends_with('[') ? "{" : ",{";
    append_member(out, "dataset_uuid", grant.dataset_uuid.text());
    append_member(out, "dataset_version", grant.dataset_version.text());
    append_member(out, "relation", grant.relation);
    if (grant.storage_ref) append_member(out, "storage_ref", *grant.storage_ref);
    if (grant.where) out += R"(,"where":)" + *grant.where;
    out += '}';
  }
  out += R"(],"outputs":[)";
  for (const OutputGrant& grant : grants.outputs) {
    out += out.ends_with('[') ? "{" : ",{";
    append_member(out, "output", grant.output);
    append_member(out, "dataset_uuid", grant.dataset_uuid.text());
    append_member(out, "dataset_version", grant.dataset_version.text());
    out += '}';
  }
  out += R"(],"s3":{"read_prefixes":)";
  append_prefixes(out, grants.read_prefixes);
  out += R"(,"write_prefixes":)";
  append_prefixes(out, grants.write_prefixes);
  return out + '}';
}

Result<CapabilityGrants> read_grant_members(JsonValue object, const AttemptRef& bound_to) {
  auto datasets = read_list(object.find("datasets"), read_dataset);
  if (!datasets) return bad_claim("datasets");
  auto outputs = read_list(object.find("outputs"), read_output);
  if (!outputs) return bad_claim("outputs");
  static constexpr std::array<std::string_view, 2> kNames = {"read_prefixes", "write_prefixes"};
  const JsonValue store = object.find("s3");
  if (!has_members(store, kNames, 0)) return bad_claim("s3");
  auto reads = read_list(store.find("read_prefixes"), read_prefix);
  auto writes = read_list(store.find("write_prefixes"), read_prefix);
  if (!reads || !writes) return bad_claim("s3");
  const bool own = std::all_of(writes->begin(), writes->end(), [&](const std::string& prefix) {
    return is_own_prefix(prefix, bound_to);
  });
  if (!own) return bad_claim("s3");
  return CapabilityGrants{.datasets = *std::move(datasets),
                          .outputs = *std::move(outputs),
                          .read_prefixes = *std::move(reads),
                          .write_prefixes = *std::move(writes)};
}

/// Whether there are all claims of one of the two forms, and no other.
bool has_claims(JsonValue claims) {
  static constexpr std::array<std::string_view, 13> kWithGrants = {
      "iss",     "aud",     "sub",      "iat",     "exp", "jti", "org_id",
      "task_id", "attempt", "datasets", "outputs", "s3",  "nbf"};
  static constexpr std::array<std::string_view, 11> kWithCap = {
      "iss", "aud", "sub", "iat", "exp", "jti", "org_id", "task_id", "attempt", "cap", "nbf"};
  return has_members(claims, kWithGrants, 1) || has_members(claims, kWithCap, 1);
}

}  // namespace

std::string write_grants(const CapabilityGrants& grants) {
  return '{' + grant_members(grants) + '}';
}

Result<CapabilityGrants> read_grants(JsonValue object, const AttemptRef& bound_to) {
  static constexpr std::array<std::string_view, 3> kNames = {"datasets", "outputs", "s3"};
  if (!has_members(object, kNames, 0)) return bad_claim({});
  return read_grant_members(object, bound_to);
}

Result<std::string> write_capability(const CapabilityClaims& claims) {
  const std::string task = claims.bound_to.task_id.text();
  std::string out = "{";
  append_member(out, "iss", claims.issuer);
  append_member(out, "aud", kCapabilityAudience);
  append_member(out, "sub", std::string(kSubjectPrefix) + task);
  out += R"(,"iat":)" + std::to_string(seconds_of(claims.issued_at));
  out += R"(,"exp":)" + std::to_string(seconds_of(claims.expires_at));
  append_member(out, "jti", claims.jti.text());
  append_member(out, "org_id", claims.org_id.text());
  append_member(out, "task_id", task);
  out += R"(,"attempt":)" + std::to_string(claims.bound_to.attempt) + ',';
  if (claims.cap) {
    out += R"("cap":")" + claims.cap->text() + '"';
  } else {
    out += grant_members(claims.grants);
  }
  out += '}';
  // What this process signs, every verifier must take: a bad filter or prefix is found here.
  const auto again = JsonDocument::parse(out);
  const auto refused = [](const std::string& why) {
    return base::invalid_argument(std::string(kCapabilityInvalid), "write a capability: " + why);
  };
  if (!again.ok()) return refused("a filter is no JSON");
  const auto read = read_capability(again->root());
  if (!read.ok()) return refused(read.error().message());
  return out;
}

Result<CapabilityClaims> read_capability(JsonValue claims) {
  if (!has_claims(claims)) return bad_claim({});
  CapabilityClaims read;
  auto issuer = read_word(claims.find("iss"));
  if (!issuer) return bad_claim("iss");
  read.issuer = *std::move(issuer);
  const auto issued = read_seconds(claims.find("iat"));
  const auto expires = read_seconds(claims.find("exp"));
  if (!issued) return bad_claim("iat");
  if (!expires || *expires <= *issued || *expires - *issued > kCapabilityLifeMax) {
    return bad_claim("exp");
  }
  read.issued_at = *issued;
  read.expires_at = *expires;
  const auto jti = read_id(claims.find("jti"));
  const auto org = read_id(claims.find("org_id"));
  const auto task = read_id(claims.find("task_id"));
  const auto attempt = read_attempt(claims.find("attempt"));
  if (!jti) return bad_claim("jti");
  if (!org) return bad_claim("org_id");
  if (!task) return bad_claim("task_id");
  if (!attempt) return bad_claim("attempt");
  read.jti = *jti;
  read.org_id = *org;
  read.bound_to = {.task_id = *task, .attempt = *attempt};
  const JsonValue subject = claims.find("sub");
  if (!subject.is_text()) return bad_claim("sub");
  if (subject.text() != std::string(kSubjectPrefix) + task->text()) {
    return Error(Code::PermissionDenied, std::string(kCapabilityMismatch),
                 "the capability's subject is another task");
  }
  if (const JsonValue cap = claims.find("cap"); !cap.missing()) {
    read.cap = read_id(cap);
    if (!read.cap) return bad_claim("cap");
    return read;
  }
  WEIR_TRY(read.grants, read_grant_members(claims, read.bound_to));
  return read;
}

}  // namespace weir::auth
