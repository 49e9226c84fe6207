// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

/// Names inside an object store. They are checked when they are made, so whoever holds one need not
/// ask again: there is no traversal left in it.
namespace weir::storage {

/// Name of one object, relative to the store's root: segments between single `/`, none of them
/// empty, `.` or `..`; no leading or trailing `/`; only characters that mean themselves in paths,
/// URIs and patterns alike, `[A-Za-z0-9._=+,@:~-]`; the first segment begins with no `.` (such
/// names are the adapters' own). At most 1024 bytes, 255 a segment, 32 segments.
class ObjectKey {
 public:
  /// INVALID_ARGUMENT `key_invalid`.
  static Result<ObjectKey> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string_view view() const { return text_; }

  friend bool operator==(const ObjectKey&, const ObjectKey&) = default;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;

 private:
  friend class ObjectPrefix;
  explicit ObjectKey(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Where objects stand together: a key and a `/`. Never the whole store.
class ObjectPrefix {
 public:
  /// INVALID_ARGUMENT `key_invalid`.
  static Result<ObjectPrefix> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string_view view() const { return text_; }

  /// Whether a key or another prefix stands below this one. A sibling whose name only begins alike
  /// does not.
  bool covers(const ObjectKey& key) const { return key.view().starts_with(text_); }
  bool covers(const ObjectPrefix& other) const { return other.view().starts_with(text_); }

  /// The key `<this><name>`; `name` may hold `/`. INVALID_ARGUMENT `key_invalid`.
  Result<ObjectKey> key(std::string_view name) const;
  /// The prefix `<this><name>/`. INVALID_ARGUMENT `key_invalid`.
  Result<ObjectPrefix> below(std::string_view name) const;

  friend bool operator==(const ObjectPrefix&, const ObjectPrefix&) = default;
  friend auto operator<=>(const ObjectPrefix&, const ObjectPrefix&) = default;

 private:
  explicit ObjectPrefix(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace weir::storage
