// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/json_cells.h"

#include <array>
#include <cstdio>

namespace weir::cli {

const JsonTree& at(const JsonTree& body, std::initializer_list<const char*> path) {
  static const JsonTree kNone;
  const JsonTree* value = &body;
  for (const char* name : path) {
    if (!value->is_object()) return kNone;
    const auto found = value->find(name);
    if (found == value->end()) return kNone;
    value = &*found;
  }
  return *value;
}

std::string cell(const JsonTree& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.dump(-1, ' ', false, JsonTree::error_handler_t::replace);
}

std::string cell(const JsonTree& body, std::initializer_list<const char*> path) {
  return cell(at(body, path));
}

std::int64_t number_at(const JsonTree& body, std::initializer_list<const char*> path) {
  const JsonTree& value = at(body, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

const JsonTree& list_at(const JsonTree& body, std::initializer_list<const char*> path) {
  static const JsonTree kEmpty = JsonTree::array();
  const JsonTree& value = at(body, path);
  return value.is_array() ? value : kEmpty;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t sign = number < 0 ? 1 : 0;
  constexpr std::size_t kGroup = 3;
  for (std::size_t place = digits.size(); place > sign + kGroup; place -= kGroup) {
    digits.insert(place - kGroup, 1, ',');
  }
  return digits;
}

std::string count_cell(const JsonTree& value) {
  return value.is_number_integer() ? grouped(value.get<std::int64_t>()) : cell(value);
}

std::string bytes_cell(const JsonTree& value) {
  if (!value.is_number()) return cell(value);
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  double bytes = value.get<double>();
  std::size_t unit = 0;
  while (bytes >= kStep && unit + 1 < kUnits.size()) {
    bytes /= kStep;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
                kUnits.at(unit));
  return text.data();
}

std::string span_cell(const JsonTree& milliseconds) {
  if (!milliseconds.is_number_integer()) return cell(milliseconds);
  struct Unit {
    std::int64_t milliseconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits = {
      Unit{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "min"}, {1'000, "s"}};
  const auto span = milliseconds.get<std::int64_t>();
  constexpr std::int64_t kAtLeast = 2;  // 119 s says more than 1 min
  for (const Unit& unit : kUnits) {
    if (span >= kAtLeast * unit.milliseconds) {
      return std::to_string(span / unit.milliseconds) + " " + unit.name;
    }
  }
  return std::to_string(span) + " ms";
}

}  // namespace weir::cli
