// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/uuid.h"

/// Reads the members of a request's JSON body. Bodies are closed (contract section 0): a member
/// that the route does not know is INVALID_ARGUMENT `unknown_field`, anything else that is wrong is
/// INVALID_ARGUMENT `invalid_request`; both name the member by its path.
namespace weir::dispatcher {

/// The body as JSON; `invalid_request` if it is none, or not an object.
Result<JsonDocument> parse_body(std::string_view body);

/// One object of a body. The first fault stays: readers give empty values after it, so that a route
/// reads all its members and then asks once.
class MembersReader {
 public:
  /// `where` is the path so far: empty for the body itself, `events[3]` for an element.
  MembersReader(JsonValue object, std::string where,
                std::initializer_list<std::string_view> members);

  bool has(std::string_view name) const { return !value_.find(name).missing(); }
  JsonValue value(std::string_view name) const { return value_.find(name); }

  std::string text(std::string_view name, std::size_t bytes_max);
  std::optional<std::string> optional_text(std::string_view name, std::size_t bytes_max);
  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t least,
                                               std::int64_t most);
  std::optional<bool> optional_flag(std::string_view name);
  /// An object as canonical JSON of at most `bytes_max` bytes.
  std::optional<std::string> optional_object(std::string_view name, std::size_t bytes_max);
  /// The member as an array of at most `most` elements; missing counts as empty.
  JsonValue array(std::string_view name, std::size_t most);

  template <class Id>
  Id id(std::string_view name) {
    return Id(required_uuid(name));
  }
  template <class Id>
  std::optional<Id> optional_id(std::string_view name) {
    const std::optional<Uuid> uuid = optional_uuid(name);
    return uuid ? std::optional<Id>(*uuid) : std::nullopt;
  }

  void fail(std::string_view name, std::string_view what);
  std::string path_of(std::string_view name) const;

  /// The first fault, or success.
  Result<void> finish() const;

 private:
  Uuid required_uuid(std::string_view name);
  std::optional<Uuid> optional_uuid(std::string_view name);

  JsonValue value_;
  std::string where_;
  std::optional<Error> fault_;
};

/// The integer that a JSON number token is, within the bounds of section 0 (2^53 - 1); nothing for
/// another value.
std::optional<std::int64_t> json_integer(JsonValue value);

}  // namespace weir::dispatcher
