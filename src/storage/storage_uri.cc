// SPDX-License-Identifier: Apache-2.0
#include "storage/storage_uri.h"

#include <algorithm>

#include "base/text.h"
#include "storage/limits.h"

namespace weir::storage {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kS3 = "s3://";
constexpr std::size_t kRootBytesMax = 2048;

Error uri_invalid(std::string_view what) {
  return base::invalid_argument("uri_invalid", "a storage URI " + std::string(what));
}

/// What a folder of the machine may be called beside the characters of keys: anything that no URI,
/// pattern or escape could read otherwise.
bool is_ambiguous(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ||
         std::string_view("\\*?%#[]{}").contains(c);
}

Result<void> check_path(std::string_view path) {  // begins and ends with `/`
  if (path.size() > kRootBytesMax) return uri_invalid("is too long");
  if (path.contains("//")) return uri_invalid("has an empty segment");
  if (!base::is_utf8(path)) return uri_invalid("is not UTF-8");
  if (std::ranges::any_of(path, is_ambiguous)) {
    return uri_invalid("has a control character or one of \\ * ? % # [ ] { }");
  }
  for (const std::string_view segment : base::split(path, '/')) {
    if (segment == "." || segment == "..") return uri_invalid("climbs");
  }
  return {};
}

/// S3's rule for buckets: 3 to 63 of lower-case letters, digits, `-` and `.`, outer ones no mark.
bool is_bucket(std::string_view name) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  const auto mark = [](char c) { return c == '-' || c == '.'; };
  return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, inner) &&
         !mark(name.front()) && !mark(name.back()) && !name.contains("..");
}

}  // namespace

Result<StorageRoot> StorageRoot::parse(std::string_view uri) {
  StorageRoot root;
  root.uri_ = uri;
  if (!uri.ends_with('/')) return uri_invalid("must end in /");
  if (uri.starts_with(kFile)) {
    const std::string_view path = uri.substr(kFile.size());
    if (!path.starts_with('/')) return uri_invalid("of a file names no host");
    if (path == "/") return uri_invalid("names the whole machine");
    WEIR_CHECK(check_path(path));
    root.scheme_ = StorageScheme::File;
    root.place_ = path.substr(0, path.size() - 1);
    return root;
  }
  if (uri.starts_with(kS3)) {
    const std::string_view rest = uri.substr(kS3.size());
    const std::size_t slash = rest.find('/');
    if (!is_bucket(rest.substr(0, slash))) return uri_invalid("names no bucket");
    if (slash + 1 < rest.size()) WEIR_CHECK(ObjectPrefix::parse(rest.substr(slash + 1)));
    root.scheme_ = StorageScheme::S3;
    root.place_ = rest.substr(0, slash);
    return root;
  }
  return uri_invalid("begins with s3:// or file://");
}

Result<StorageRoot> StorageRoot::of_folder(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return parse(std::string(kFile) + std::string(path) + "/");
}

Result<ObjectKey> StorageRoot::key_of(std::string_view uri) const {
  if (!uri.starts_with(uri_)) return uri_invalid("is outside this store");
  auto key = ObjectKey::parse(uri.substr(uri_.size()));
  if (!key.ok()) return uri_invalid("is not canonical: " + key.error().message());
  return key;
}

Result<ObjectPrefix> StorageRoot::prefix_of(std::string_view uri) const {
  if (!uri.starts_with(uri_)) return uri_invalid("is outside this store");
  auto prefix = ObjectPrefix::parse(uri.substr(uri_.size()));
  if (!prefix.ok()) return uri_invalid("is not canonical: " + prefix.error().message());
  return prefix;
}

}  // namespace weir::storage
