// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

/// Cells of tables out of the bodies of routes, which are open (contract section 0): what is not
/// there, or null, is "-", never a fault.
namespace weir::cli {

using JsonTree = nlohmann::ordered_json;

/// The member at the end of a path of names; null where there is none.
const JsonTree& at(const JsonTree& body, std::initializer_list<const char*> path);

/// A text as it is, a number in digits, a truth as yes or no, an object or array as JSON.
std::string cell(const JsonTree& value);
std::string cell(const JsonTree& body, std::initializer_list<const char*> path);
std::int64_t number_at(const JsonTree& body, std::initializer_list<const char*> path);
/// The elements of a list; none where it is no list.
const JsonTree& list_at(const JsonTree& body, std::initializer_list<const char*> path);

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);
std::string count_cell(const JsonTree& value);
/// "12.3 MiB".
std::string bytes_cell(const JsonTree& value);
/// "250 ms", "12 s", "3 min", "5 h", "9 d".
std::string span_cell(const JsonTree& milliseconds);

}  // namespace weir::cli
