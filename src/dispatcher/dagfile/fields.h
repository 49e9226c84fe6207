// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/yaml_tree.h"

/// Mappings of a DAG file as tables: what a field is called, what it takes, what it means. One
/// table serves the reader and the JSON Schema for editors.
namespace weir::dispatcher {

/// What a field takes.
enum class FieldType : std::uint8_t {
  Text,
  Integer,
  Number,
  Boolean,
  Duration,  ///< `500ms`, `30s`, `5m`, `2h`, `7d`
  TextList,
  List,
  Mapping,
  Any,  ///< read by whoever knows more
};

/// A shape of texts: the pattern as the contract writes it, and the same as code.
struct TextPattern {
  std::string_view regex;
  bool (*matches)(std::string_view text);
};

extern const TextPattern kNamePattern;    ///< names of DAGs and jobs
extern const TextPattern kColumnPattern;  ///< columns, as `unique_key` has them
extern const TextPattern kSecretPattern;
extern const TextPattern kBundlePattern;
extern const TextPattern kEntrypointPattern;
extern const TextPattern kWebhookPattern;
extern const TextPattern kCheckNamePattern;
extern const TextPattern kDurationPattern;

struct FieldRule {
  std::string_view name;
  FieldType type = FieldType::Text;
  bool required = false;
  /// Of an integer or a number, its bounds; of a duration, in milliseconds; of a list or mapping,
  /// how many. None if max < min.
  std::int64_t min = 0;
  std::int64_t max = -1;
  const TextPattern* pattern = nullptr;                    ///< of a text, or of a list's texts
  std::span<const std::string_view> values = {};           ///< legal texts; empty for any
  std::span<const std::string_view> reserved_values = {};  ///< E_RESERVED
  std::string_view meaning = {};

  bool bounded() const { return max >= min; }
};

struct FieldTable {
  std::span<const FieldRule> rules;
  std::span<const std::string_view> reserved = {};  ///< keys that are E_RESERVED
};

/// One field of a mapping that was read.
struct Field {
  YamlValue value;           ///< missing if the field is not there
  bool good = false;         ///< there, and what its rule asks for
  std::int64_t integer = 0;  ///< of an integer; of a duration, milliseconds
  double number = 0;
  bool boolean = false;

  bool there() const { return !value.missing(); }
  /// There, but not what its rule asks for: reported, and nothing follows from it.
  bool bad() const { return there() && !good; }
  std::string_view text() const { return good ? value.text() : std::string_view(); }
};

/// The fields of one mapping.
class FieldSet {
 public:
  FieldSet() = default;
  /// The rules outlive it.
  FieldSet(YamlValue mapping, std::span<const FieldRule> rules)
      : mapping_(mapping), rules_(rules), fields_(rules.size()) {}

  /// The mapping they stand in.
  YamlValue mapping() const { return mapping_; }
  /// A field by its name in the table.
  const Field& operator[](std::string_view name) const;
  /// The same by its place in the table.
  Field& at(std::size_t rule) { return fields_.at(rule); }
  const Field& at(std::size_t rule) const { return fields_.at(rule); }
  std::span<const FieldRule> rules() const { return rules_; }

 private:
  YamlValue mapping_;
  std::span<const FieldRule> rules_;
  std::vector<Field> fields_;
};

/// How a mapping is read. What is null is E_TYPE in every case.
struct FieldReading {
  /// Names every other fault: those of a `config` are all E_CONFIG.
  std::string_view only_code = {};
  /// Names the faults of what a value says (range, pattern, spelling, size): a schema's are
  /// E_SCHEMA.
  std::string_view value_code = {};
  /// Plain scalars that are numbers or bools are no texts (section 2.1, point 4: `config`).
  bool typed_scalars = false;
  /// Whether missing fields are reported; else the caller does.
  bool tell_missing = true;
};

/// Reads a mapping by its table. Reported: fields that are unknown, reserved or missing, and values
/// of another type, range, pattern or spelling. What is no mapping is E_TYPE and has no fields.
FieldSet read_fields(YamlValue mapping, const FieldTable& table, FaultList& faults,
                     const FieldReading& reading = {});

/// Reports that a null stands where a value should (E_TYPE); always false.
bool refuse_null(YamlValue value, FaultList& faults);

/// True if `value` is a mapping; else reports E_TYPE (not for what was reported before).
bool require_mapping(YamlValue value, FaultList& faults, std::string_view code);

/// "a whole number", "a text": what was written, for people.
std::string_view kind_words(YamlValue value);

/// What a plain or quoted scalar is where its field leaves the type open (section 2.1, point 4).
enum class ScalarKind : std::uint8_t { Integer, Double, Boolean, Text };
ScalarKind free_scalar_kind(YamlValue scalar);

/// Integer as section 2.1 writes it; nothing if it is none or has more than 18 digits.
std::optional<std::int64_t> parse_integer(std::string_view text);
bool is_integer_text(std::string_view text);

/// Milliseconds of a duration, capped at `kDurationMsMax`; nothing if it is none.
inline constexpr std::int64_t kDurationMsMax = std::int64_t{1} << 60;
std::optional<std::int64_t> parse_duration_ms(std::string_view text);

}  // namespace weir::dispatcher
