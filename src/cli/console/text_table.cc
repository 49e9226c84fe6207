// SPDX-License-Identifier: Apache-2.0
#include "cli/console/text_table.h"

#include <algorithm>
#include <utility>

namespace weir::cli {
namespace {

constexpr const char* kGap = "  ";

/// Characters of UTF-8 text: what a terminal gives a place each.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string capitals(std::string title) {
  for (char& c : title) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return title;
}

void add_row(std::string& out, const std::vector<std::string>& cells,
             const std::vector<TableColumn>& columns, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - width_of(cells[i]), ' ');
    if (i > 0) line += kGap;
    line += columns[i].align == Align::Right ? pad + cells[i] : cells[i] + pad;
  }
  while (line.ends_with(' ')) line.pop_back();
  out += line + "\n";
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) {
    for (char& c : cell) {
      if (static_cast<unsigned char>(c) < 0x20U || c == '\x7f') c = ' ';
    }
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (const TableColumn& column : columns_) {
    titles.push_back(capitals(column.title));
    widths.push_back(width_of(column.title));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  add_row(out, titles, columns_, widths);
  for (const auto& row : rows_) add_row(out, row, columns_, widths);
  return out;
}

}  // namespace weir::cli
