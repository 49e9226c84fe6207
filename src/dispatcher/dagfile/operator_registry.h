// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dispatcher/dagfile/fields.h"
#include "dispatcher/dagfile/words.h"

namespace weir::dispatcher {

/// One column of a table.
struct Column {
  std::string name;
  std::string type;  ///< one of kColumnTypes
  bool nullable = false;

  friend bool operator==(const Column&, const Column&) = default;
};

/// A table's schema that an operator fixes.
struct FixedSchema {
  std::vector<Column> columns;
  std::vector<std::string> unique;
};

/// Where an output is kept, and how it is written there; no write mode but on postgres.
struct StoragePlace {
  Storage storage = Storage::Events;
  std::optional<WriteMode> write_mode = {};

  friend bool operator==(const StoragePlace&, const StoragePlace&) = default;
};

namespace place {
inline constexpr StoragePlace kEvents{.storage = Storage::Events};
inline constexpr StoragePlace kObjects{.storage = Storage::ObjectStore};
inline constexpr StoragePlace kView{.storage = Storage::Virtual};
inline constexpr StoragePlace kBuffered{.storage = Storage::Postgres,
                                        .write_mode = WriteMode::Buffered};
inline constexpr StoragePlace kDirect{.storage = Storage::Postgres,
                                      .write_mode = WriteMode::Direct};
}  // namespace place

/// One key of an operator's `config`: how it is written, and what it is without.
struct ConfigRule {
  FieldRule field;
  std::string_view default_json = {};  ///< canonical; empty: nothing is filled in
  bool execution_only = false;         ///< not part of identity
};

/// One field that `where` may name (section 2.5.2).
struct FilterField {
  std::string_view name;
  std::string_view type;  ///< one of kFilterTypes or kColumnTypes
  std::span<const std::string_view> values = {};
};

/// Rules of a `config` that a table cannot say; each names its operator.
enum class ConfigSpecial : std::uint8_t { None, TableIngest, RangeAggregator };

/// What an operator is and takes (contract section 2.6).
struct OperatorSpec {
  std::string_view name;
  std::string_view version = "1";  ///< raised exactly when two versions may leave different output
  Activation activation = Activation::Reactive;
  SourceKind source_kind = SourceKind::Cron;  ///< of a source
  WordSet<Runtime> runtimes = {};
  WordSet<ExecutionStrategy> execution = {};
  WordSet<UpdateStrategy> updates = {};
  std::int64_t outputs_min = 1;
  std::int64_t outputs_max = 1;
  EmittedScope scope = EmittedScope::Unknown;
  bool needs_udf = false;

  /// Where outputs are kept that are not published, or published without `storage`.
  StoragePlace kept_append = {};
  StoragePlace kept_replace = {};
  /// Places that `publish` may ask for, for each update strategy.
  std::span<const StoragePlace> places_append = {};
  std::span<const StoragePlace> places_replace = {};
  bool must_name_storage = false;  ///< when published

  std::span<const ConfigRule> config = {};
  std::vector<FieldRule> config_fields = {};  ///< those of `config`
  bool free_config = false;                   ///< any mapping
  ConfigSpecial special = ConfigSpecial::None;
  std::span<const FilterField> filterable = {};
  const FixedSchema* fixed_schema = nullptr;

  bool ordered = false;
  bool effects = false;
  bool inlined = false;  ///< run by the Dispatcher in the creating transaction
  bool is_virtual = false;
  bool inherits_identity = false;  ///< its definition is execution-only (section 2.8)
  bool on_dispatcher = false;      ///< run by the inline executor under any declared runtime
  bool extension = false;
  std::vector<std::string> command = {};  ///< of an extension operator: its program and arguments

  FieldTable config_table() const { return {config_fields}; }
  bool is_source() const { return activation == Activation::Source; }
  const StoragePlace& kept(std::optional<UpdateStrategy> update) const {
    return update == UpdateStrategy::Append ? kept_append : kept_replace;
  }
  std::span<const StoragePlace> places(std::optional<UpdateStrategy> update) const {
    return update == UpdateStrategy::Append ? places_append : places_replace;
  }
};

/// The operators built into Weir, by name.
std::span<const OperatorSpec> builtin_operators();

/// The allowlist of operators: the built-in ones and those of a registry file. Movable; what it
/// gives points into it or to constants. Reading is safe from any thread.
class OperatorRegistry {
 public:
  /// The built-in operators alone.
  OperatorRegistry();
  OperatorRegistry(OperatorRegistry&&) noexcept = default;
  OperatorRegistry& operator=(OperatorRegistry&&) noexcept = default;
  OperatorRegistry(const OperatorRegistry&) = delete;
  OperatorRegistry& operator=(const OperatorRegistry&) = delete;
  ~OperatorRegistry() = default;

  /// Adds the operators of a file (docs/capabilities/dag_configuration.md), all or none. Every
  /// fault is told in one INVALID_ARGUMENT `operators_invalid`, with JSON Pointers.
  Result<void> add_file(std::string_view json);

  /// The operator of this name, or null.
  const OperatorSpec* find(std::string_view name) const;
  /// All names, sorted.
  std::vector<std::string_view> names() const;

 private:
  friend class OperatorFileReader;

  std::map<std::string_view, const OperatorSpec*> operators_;
  // What extension operators are made of; a deque's elements stay where they are.
  std::deque<OperatorSpec> added_;
  std::deque<std::string> texts_;
  std::deque<std::vector<std::string_view>> words_;
  std::deque<std::vector<ConfigRule>> configs_;
  std::deque<std::vector<FilterField>> filters_;
};

}  // namespace weir::dispatcher
