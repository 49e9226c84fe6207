// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/dagfile/yaml_tree.h"

namespace weir::dispatcher {

/// One fault of a DAG file (contract section 2.1).
struct DagFault {
  std::string code;  ///< one of `code::`
  std::string path;  ///< `jobs[1].inputs[0].from.output`; ends in the name of what is missing
  std::size_t line = 1;
  std::size_t column = 1;
  std::string detail;
  std::string hint = {};  ///< the nearest legal key or value, or empty

  friend bool operator==(const DagFault&, const DagFault&) = default;
};

/// The faults of one file while it is read. Not for several threads.
class FaultList {
 public:
  struct Told {
    std::string detail;
    std::string hint = {};
  };

  /// `code` is one of `code::`, whose bytes live for good. At the value's key, for a field that may
  /// not stand there; at the value, for what it says.
  void at_key(YamlValue value, std::string_view code, Told told);
  void at_value(YamlValue value, std::string_view code, Told told);
  /// `name` is missing from `mapping`.
  void missing_from(YamlValue mapping, std::string_view name, std::string_view code,
                    std::string detail);
  /// At a byte of the text, about the file as a whole.
  void at_byte(std::size_t offset, std::string_view code, std::string detail);

  bool empty() const { return found_.empty(); }
  /// False once there are so many faults that nobody will see their hints.
  bool wants_hints() const;

  /// The faults by line and column, at most kFaultsMax; with `tell_more`, then E_TOO_MANY at the
  /// first that is left out. `text` is what the values were read from.
  std::vector<DagFault> in_order(std::string_view text, bool tell_more) &&;

 private:
  struct Found {
    std::size_t offset = 0;
    std::size_t number = 0;  // of one place, what was found first is told first
    std::string_view code;
    YamlValue value;
    std::string missing;
    Told told;
  };

  void add(Found found);
  void keep_first(std::size_t count);

  std::vector<Found> found_;
  std::size_t added_ = 0;
};

/// The member of `legal` at most kHintEditsMax letters from `written`, the nearest; or empty.
std::string nearest_of(std::string_view written, std::span<const std::string_view> legal);

/// `a`, `b` or `c`, for people; of more than kNamesShownMax their number.
std::string one_of(std::span<const std::string_view> legal);

/// A text for people in backquotes, cut where it is long.
std::string shown(std::string_view text);

}  // namespace weir::dispatcher
