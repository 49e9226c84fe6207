// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "dispatcher/dagfile/draft.h"

/// The one form of documents that say the same (contract section 2.8).
namespace weir::dispatcher {

/// Beside `columns` in the config of a table_ingest whose deciding_order() is not empty: the names
/// in that order. No key that a file may have.
inline constexpr std::string_view kColumnsOrder = "columns_order";

/// Writes JSON, member by member; commas come by themselves.
class JsonText {
 public:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& key(std::string_view name);
  JsonText& text(std::string_view value);
  JsonText& integer(std::int64_t value);
  JsonText& boolean(bool value);
  JsonText& null();
  /// What is JSON already.
  JsonText& raw(std::string_view json);
  JsonText& texts(std::span<const std::string> values);

  /// As it was written.
  const std::string& written() const { return out_; }
  /// With keys sorted and numbers in their one form.
  std::string canonical() const;

 private:
  void separate();

  std::string out_;
  bool fresh_ = true;  // nothing stands before, or a bracket, or a key
};

/// Reads back what JsonText wrote of a document; its size is bounded, so that this cannot fail.
JsonDocument parse_written(std::string_view json);

/// Appends a free-form value as JSON (section 2.1, point 4). It was checked by check_free_value, or
/// only its size matters.
void append_free_json(std::string& out, YamlValue value);

/// A filter: values of a list sorted (bools, numbers, texts) and distinct, a list of one as the
/// value.
std::string where_json(YamlValue where);

/// Canonical JSON of a document without faults.
std::string normalised_document(const Draft& draft);

}  // namespace weir::dispatcher
