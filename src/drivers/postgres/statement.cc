// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/statement.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace weir::postgres {

bool only_reads(std::string_view sql) {
  constexpr std::array<std::string_view, 4> kReading = {"select", "show", "values", "table"};
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  const auto begin = std::ranges::find_if_not(
      sql, [](unsigned char c) { return std::isspace(c) != 0 || c == '('; });
  const auto end = std::find_if_not(begin, sql.end(), is_letter);
  const std::string word = base::lower_ascii(std::string_view(begin, end));
  return std::ranges::find(kReading, word) != kReading.end();
}

}  // namespace weir::postgres
