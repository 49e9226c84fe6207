// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/registry_sql_text.h"

#include <array>
#include <cstddef>
#include <vector>

#include "base/assert.h"
#include "base/utf8.h"

namespace weir::dispatcher::registry_sql {
namespace {

struct Form {
  std::string_view opening;
  std::string_view before;
  std::string_view after;
};

constexpr std::array kForms = {
    Form{"@utc(", "to_char((", R"() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))"},
    Form{"@micros(", "((extract(epoch FROM (", ")) * 1000000)::bigint)"},
};

/// Where the bracket that was open at `from` closes.
std::size_t closing(std::string_view sql, std::size_t from) {
  int depth = 1;
  for (std::size_t at = from; at < sql.size(); ++at) {
    if (sql[at] == '(') ++depth;
    if (sql[at] == ')' && --depth == 0) return at;
  }
  WEIR_ASSERT(false);
  return sql.size();
}

std::string expanded_once(std::string_view sql, const Form& form) {
  std::string out;
  while (true) {
    const std::size_t at = sql.find(form.opening);
    if (at == std::string_view::npos) return out.append(sql);
    const std::size_t begin = at + form.opening.size();
    const std::size_t end = closing(sql, begin);
    out.append(sql.substr(0, at)).append(form.before);
    out.append(sql.substr(begin, end - begin)).append(form.after);
    sql.remove_prefix(end + 1);
  }
}

}  // namespace

std::string expanded(std::string_view sql) {
  std::string text(sql);
  for (const Form& form : kForms) text = expanded_once(text, form);
  return text;
}

std::optional<std::string> behind_prefix(std::string_view prefix) {
  constexpr char32_t kLast = 0x10ffff;
  constexpr char32_t kSurrogates = 0xd800;
  constexpr char32_t kBehindSurrogates = 0xe000;
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < prefix.size(); base::next_character(prefix, at)) {
    starts.push_back(at);
  }
  for (; !starts.empty(); starts.pop_back()) {
    std::size_t at = starts.back();
    char32_t next = base::next_character(prefix, at) + 1;
    if (next > kLast) continue;  // the one before it is raised
    if (next == kSurrogates) next = kBehindSurrogates;
    std::array<char, 4> bytes{};
    const char* const end = base::encode_utf8(next, bytes.data());
    std::string behind(prefix.substr(0, starts.back()));
    behind.append(static_cast<const char*>(bytes.data()), end);
    return behind;
  }
  return std::nullopt;
}

}  // namespace weir::dispatcher::registry_sql
