// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::server {

enum class ValueKind : std::uint8_t {
  Text,
  Integer,   // 64 bits, signed
  Number,    // a finite double
  Boolean,   // true, false, yes, no, on, off
  TextList,  // a sequence, or texts with commas between
  TextMap,   // a mapping of any names to texts, passed through
};

/// One key of a configuration: what the parser takes, what `config show` lists and what the sample
/// file and the reference page say come from the same row.
struct KeyDescription {
  /// Dotted: each dot is a nested mapping. A segment `<name>` stands for any name.
  std::string key;
  ValueKind kind = ValueKind::Text;
  /// The default as it would be written; empty: none.
  std::string default_text = {};
  /// Whole sentences.
  std::string meaning = {};
  /// Never shown; may be given as `<key>_file`, the path of a file that holds it.
  bool secret = false;
  /// Other spellings of the whole key; together with the key they are a fault.
  std::vector<std::string> second_names = {};
  std::string unit = {};
  /// What a text, or each text of a list, may be; empty: anything.
  std::vector<std::string> allowed = {};
  /// Bounds of an integer or number, both included.
  std::optional<double> at_least = {};
  std::optional<double> at_most = {};
  /// Names that the `<name>` segment may take; empty: any.
  std::vector<std::string> wildcard_names = {};
  /// Stands at the root of the file also where the other keys stand in a section.
  bool top_level = false;
  /// Shown in the sample where there is no default.
  std::string example = {};
  /// Says the default where a value would say too little ("twice the cores").
  std::string default_words = {};
};

}  // namespace weir::server
