// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/object_key.h"

namespace weir::storage {

enum class StorageScheme : std::uint8_t { File, S3 };

/// Where an object store begins, as the wire spells it (contract section 3.1, claim `s3`):
/// `s3://bucket/`, `s3://bucket/prefix/`, or `file:///folder/`. Canonical: one spelling a place, so
/// that two are the same place exactly if their texts are equal. What is not in that spelling is
/// refused, never mended: `..`, `//`, `%` escapes, a query, a user, a host before a file's path.
class StorageRoot {
 public:
  /// INVALID_ARGUMENT `uri_invalid`.
  static Result<StorageRoot> parse(std::string_view uri);
  /// Of an absolute path of this machine, with or without a trailing `/`. `uri_invalid`.
  static Result<StorageRoot> of_folder(std::string_view path);

  const std::string& uri() const { return uri_; }
  StorageScheme scheme() const { return scheme_; }
  /// `/folder` of a file root, `bucket` of an S3 root.
  const std::string& place() const { return place_; }

  /// The full URI of what stands below the root.
  std::string uri_of(const ObjectKey& key) const { return uri_ + key.text(); }
  std::string uri_of(const ObjectPrefix& prefix) const { return uri_ + prefix.text(); }

  /// What a full URI names below this root. `uri_invalid` if it is not canonical or elsewhere.
  Result<ObjectKey> key_of(std::string_view uri) const;
  Result<ObjectPrefix> prefix_of(std::string_view uri) const;

  friend bool operator==(const StorageRoot&, const StorageRoot&) = default;

 private:
  StorageRoot() = default;
  std::string uri_;    // ends in `/`
  std::string place_;  // without scheme
  StorageScheme scheme_ = StorageScheme::File;
};

}  // namespace weir::storage
