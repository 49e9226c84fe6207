// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/registry_reader.h"
#include "dispatcher/user_api/page_cursor.h"
#include "server/http/http_message.h"

namespace weir::dispatcher {

/// Reads the query of a request. Closed like a body: a parameter that the route does not know is
/// INVALID_ARGUMENT `unknown_field`; one that is repeated, cannot be decoded or is wrong is
/// `invalid_request`; both name it. The first fault stays, and readers give empty values after it.
class QueryReader {
 public:
  QueryReader(const server::HttpRequest& request, std::initializer_list<std::string_view> names);

  /// Nothing if it is absent; UTF-8 without zero bytes, 1 to `bytes_max` bytes.
  std::optional<std::string> text(std::string_view name, std::size_t bytes_max);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  /// `true` or `false`.
  std::optional<bool> flag(std::string_view name);
  /// The index of the word among `words`.
  std::optional<std::size_t> one_of(std::string_view name, std::span<const std::string_view> words);
  std::optional<Uuid> uuid(std::string_view name);
  /// A list with commas, without empty, oversized or repeated elements; sorted.
  std::vector<std::string> names(std::string_view name, std::size_t most, std::size_t bytes_max);

  /// `world`, `live` if absent; a name that no world can have is a fault.
  std::string world();
  /// `limit` and `cursor`.
  RegistryPageRequest page(PageKeyForm form);

  void fail(std::string_view name, std::string_view what);
  /// The first fault, or success.
  Result<void> finish() const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
  };
  const std::string* find(std::string_view name) const;

  std::vector<Parameter> parameters_;
  std::optional<Error> fault_;
};

/// True for a text that PostgreSQL takes: UTF-8 without zero bytes.
bool is_storable(std::string_view text);

}  // namespace weir::dispatcher
