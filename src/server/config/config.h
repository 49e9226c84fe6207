// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config/config_key.h"
#include "server/config/secret.h"

namespace weir::server {

using ConfigValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>,
                                 std::map<std::string, std::string>>;

/// One line of `config show`.
struct ConfigLine {
  std::string key;
  std::string value;   // as it would be written; `***` for secrets, passwords in DSNs too
  std::string origin;  // "default", "file weir.yml:12:3", "environment QMTL__…"
};

/// The configuration of a role, complete and checked against its key table. Read-only; any thread.
/// Asking for a key that is not in the table, or as another kind, is our own mistake and stops the
/// program. Keys with a `<name>` segment are asked for with the name in its place.
class Config {
 public:
  /// True if the key has a value: one that was given, or a default.
  bool has(std::string_view key) const;
  /// True if the value does not come from the table.
  bool given(std::string_view key) const;

  /// Empty text, list or map if there is no value.
  const std::string& text(std::string_view key) const;
  Secret secret(std::string_view key) const;
  const std::vector<std::string>& text_list(std::string_view key) const;
  const std::map<std::string, std::string>& text_map(std::string_view key) const;
  /// These need a value: check `has` where the table has no default.
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;  // also of an integer
  bool boolean(std::string_view key) const;

  /// The names given for the `<name>` segment of a pattern ("gc_policies.<tag>.ttl_days", or just
  /// "gc_policies"), sorted.
  std::vector<std::string> names(std::string_view pattern) const;

  /// Where the value comes from; "default" also where there is none.
  std::string origin(std::string_view key) const;
  /// Every key of the table, in its order; patterns only where given.
  std::vector<ConfigLine> lines() const;

 private:
  friend class ConfigBuilder;
  struct Entry {
    const KeyDescription* description = nullptr;  // into *table_
    std::string name;                             // that of the <name> segment
    ConfigValue value;
    std::string origin;
    bool has = false;
    bool given = false;
  };

  const Entry* find(std::string_view key) const;
  const Entry* at(std::string_view key, ValueKind kind) const;

  std::shared_ptr<const std::vector<KeyDescription>> table_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace weir::server
