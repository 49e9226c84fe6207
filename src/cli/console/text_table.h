// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::cli {

/// How the cells of a column stand under each other.
enum class Align : std::uint8_t { Left, Right };

struct TableColumn {
  std::string title;
  Align align = Align::Left;
};

/// A table for people: titles in capitals, columns as wide as their widest cell, two spaces between
/// them, no white space at the ends of lines. Control characters of cells become spaces.
class TextTable {
 public:
  explicit TextTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  std::string text() const;

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace weir::cli
