// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_verifier.h"

#include <map>
#include <utility>

#include "base/blake3.h"
#include "storage/limits.h"

namespace weir::storage {
namespace {

Error incomplete(std::string_view what) {
  return base::failed_precondition("commit_incomplete", std::string(what));
}

Error invalid(std::string_view what) {
  return base::failed_precondition("manifest_invalid", std::string(what));
}

/// What a store's fault means for a commit: either the store said what it saw (NOT_FOUND, a link in
/// the way, too large), or it did not answer.
Error judged(const Error& fault, Error seen) {
  const bool saw = fault.code() == Code::NotFound || fault.code() == Code::PermissionDenied ||
                   fault.reason() == "object_too_large";
  if (saw) return seen;
  return base::unavailable("unavailable", "the object store does not answer");
}

Result<void> check_marker(ObjectStore& store, const ObjectPrefix& prefix) {
  WEIR_TRY(const auto key, prefix.key(kSuccessName));
  const auto marker = store.stat(key, Checksum::Skip);
  if (!marker.ok()) return judged(marker.error(), incomplete("_SUCCESS is not there"));
  if (marker->size != 0) return incomplete("_SUCCESS is not empty");
  return {};
}

Result<CommitManifest> fetch_manifest(ObjectStore& store, const ObjectPrefix& prefix,
                                      const std::string& sha256) {
  WEIR_TRY(const auto key, prefix.key(kManifestName));
  const auto text = get_text(store, key, kManifestBytesMax);
  if (!text.ok()) {
    const bool large = text.error().reason() == "object_too_large";
    return judged(text.error(), large ? invalid("_manifest.json is larger than 1 MiB")
                                      : incomplete("_manifest.json is not there"));
  }
  if (base::sha256_hex(*text) != sha256) return invalid("_manifest.json has another hash");
  return read_manifest(*text);
}

/// Sizes of the objects below a prefix, as far as a few listings show them. Only a way to ask for
/// many at once: what a listing misses is asked for by name.
Result<std::map<std::string, std::uint64_t>> listed_sizes(ObjectStore& store,
                                                          const ObjectPrefix& prefix) {
  std::map<std::string, std::uint64_t> sizes;
  ListOptions options{.after = {}, .limit = kObjectPageMax};
  for (int page_no = 0; page_no < kVerifyPagesMax; ++page_no) {
    WEIR_TRY(const auto page, store.list(prefix, options));
    for (const ListedObject& object : page.objects) {
      sizes.emplace(object.key.text(), object.size);
    }
    if (page.next_after.empty()) break;
    options.after = page.next_after;
  }
  return sizes;
}

Result<void> check_objects(ObjectStore& store, const ObjectPrefix& prefix,
                           const CommitManifest& manifest) {
  const auto sizes = listed_sizes(store, prefix);
  if (!sizes.ok()) return judged(sizes.error(), invalid("the prefix leads over a link"));
  for (const ManifestObject& object : manifest.objects) {
    const auto key = prefix.key(object.key);
    if (!key.ok()) return invalid("the manifest has a key that is too long");
    const auto listed = sizes->find(key->text());
    std::uint64_t size = listed == sizes->end() ? 0 : listed->second;
    if (listed == sizes->end()) {
      const auto stat = store.stat(*key, Checksum::Skip);
      if (!stat.ok()) return judged(stat.error(), invalid(object.key + " is not there"));
      size = stat->size;
    }
    if (std::cmp_not_equal(size, object.size)) return invalid(object.key + " has another size");
  }
  return {};
}

Result<void> check_owner(const CommitManifest& manifest, const CommitClaim& claim) {
  if (manifest.dataset != claim.place.dataset || manifest.version != claim.place.version) {
    return invalid("the manifest is of another dataset version");
  }
  if (manifest.partition_key != claim.partition_key) {
    return invalid("the manifest is of another partition");
  }
  const CommitNamed& named = claim.named;
  if (named.row_count.value_or(manifest.row_count()) != manifest.row_count() ||
      named.bytes.value_or(manifest.bytes()) != manifest.bytes()) {
    return invalid("row_count or bytes are not the manifest's");
  }
  if (named.schema_hash.value_or(manifest.schema_hash) != manifest.schema_hash) {
    return invalid("schema_hash is not the manifest's");
  }
  return {};
}

}  // namespace

Result<CommitFacts> verify_commit(ObjectStore& store, const CommitClaim& claim) {
  const ObjectPrefix prefix = partition_prefix(claim.place, claim.partition_key);
  const std::string location = store.root().uri_of(prefix);
  if (claim.named.prefix != location) {
    return invalid("the prefix is not this attempt's for this partition");
  }
  WEIR_CHECK(check_marker(store, prefix));
  WEIR_TRY(auto manifest, fetch_manifest(store, prefix, claim.named.manifest_sha256));
  WEIR_CHECK(check_owner(manifest, claim));
  WEIR_CHECK(check_objects(store, prefix, manifest));
  const std::int64_t rows = manifest.row_count();
  const std::int64_t bytes = manifest.bytes();
  return CommitFacts{.location = location,
                     .manifest_sha256 = claim.named.manifest_sha256,
                     .row_count = rows,
                     .bytes = bytes,
                     .schema_hash = std::move(manifest.schema_hash),
                     .objects = std::move(manifest.objects)};
}

int commit_fault_status(const Error& fault) {
  return fault.reason() == "commit_incomplete" || fault.reason() == "manifest_invalid" ? 422 : 503;
}

Result<std::vector<CommittedObject>> resolve_commit(ObjectStore& store,
                                                    const CommittedLocation& commit) {
  WEIR_TRY(const auto prefix, store.root().prefix_of(commit.location));
  auto manifest = fetch_manifest(store, prefix, commit.manifest_sha256);
  if (!manifest.ok()) {
    if (manifest.error().code() == Code::Unavailable) return std::move(manifest).error();
    return Error(Code::DataLoss, "commit_damaged", manifest.error().message());
  }
  std::vector<CommittedObject> objects;
  objects.reserve(manifest->objects.size());
  for (ManifestObject& object : manifest->objects) {
    WEIR_TRY(auto key, prefix.key(object.key));
    objects.push_back({.key = std::move(key), .facts = std::move(object)});
  }
  return objects;
}

}  // namespace weir::storage
