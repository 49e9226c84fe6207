// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/query_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "dispatcher/user_api/limits.h"

namespace weir::dispatcher {
namespace {

constexpr std::size_t kWorldBytes = 32;

/// What may be quoted in an answer: the beginning of what somebody wrote.
std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 64;
  std::string out(text.substr(0, kShown));
  if (text.size() > kShown) out += "…";
  return out;
}

bool is_world(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= kWorldBytes && is_letter(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

bool is_storable(std::string_view text) {
  return base::is_utf8(text) && text.find('\0') == std::string_view::npos;
}

QueryReader::QueryReader(const server::HttpRequest& request,
                         std::initializer_list<std::string_view> names) {
  for (const std::string_view pair : base::split(request.query, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const auto name = server::percent_decode(pair.substr(0, equals), true);
    const auto value = equals == std::string_view::npos
                           ? std::optional<std::string>("")
                           : server::percent_decode(pair.substr(equals + 1), true);
    if (!name || !value || !is_storable(*name) || !is_storable(*value)) {
      fail("the query", "cannot be decoded");
      return;
    }
    if (std::ranges::find(names, *name) == names.end()) {
      fault_ =
          base::invalid_argument("unknown_field", shortened(*name) + " is not known to this route");
      return;
    }
    if (find(*name) != nullptr) {
      fail(*name, "is given twice");
      return;
    }
    parameters_.push_back({*name, *value});
  }
}

const std::string* QueryReader::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &found->value;
}

void QueryReader::fail(std::string_view name, std::string_view what) {
  if (fault_) return;
  fault_ = base::invalid_argument("invalid_request", std::string(name) + " " + std::string(what));
}

Result<void> QueryReader::finish() const {
  if (fault_) return *fault_;
  return {};
}

std::optional<std::string> QueryReader::text(std::string_view name, std::size_t bytes_max) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->empty() || value->size() > bytes_max) {
    fail(name, "has 1 to " + std::to_string(bytes_max) + " bytes");
    return std::nullopt;
  }
  return *value;
}

std::optional<std::int64_t> QueryReader::integer(std::string_view name, std::int64_t least,
                                                 std::int64_t most) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const char* const last = value->data() + value->size();
  const auto [end, error] = std::from_chars(value->data(), last, number);
  if (error != std::errc() || end != last || number < least || number > most) {
    fail(name,
         "is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> QueryReader::flag(std::string_view name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (*value == "true") return true;
  if (*value != "false") fail(name, "is neither true nor false");
  return false;
}

std::optional<std::size_t> QueryReader::one_of(std::string_view name,
                                               std::span<const std::string_view> words) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto found = std::ranges::find(words, *value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::vector<std::string> legal(words.begin(), words.end());
  fail(name, "is none of " + base::join(legal, ", "));
  return std::nullopt;
}

std::optional<Uuid> QueryReader::uuid(std::string_view name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<Uuid> id = Uuid::parse(*value);
  if (!id) fail(name, "is not a UUID");
  return id;
}

std::vector<std::string> QueryReader::names(std::string_view name, std::size_t most,
                                            std::size_t bytes_max) {
  const std::string* value = find(name);
  if (value == nullptr) return {};
  std::vector<std::string> list;
  for (const std::string_view element : base::split(*value, ',')) {
    if (element.empty() || element.size() > bytes_max) {
      fail(name, "has elements of 1 to " + std::to_string(bytes_max) + " bytes");
      return {};
    }
    list.emplace_back(element);
  }
  std::ranges::sort(list);
  if (list.size() > most) fail(name, "has more than " + std::to_string(most) + " elements");
  if (std::ranges::adjacent_find(list) != list.end()) fail(name, "names something twice");
  return list;
}

std::string QueryReader::world() {
  const std::string* value = find("world");
  if (value == nullptr) return std::string(kLiveWorld);
  if (!is_world(*value)) fail("world", "is not a name of a world");
  return *value;
}

RegistryPageRequest QueryReader::page(PageKeyForm form) {
  RegistryPageRequest request;
  const auto limit = integer("limit", 1, static_cast<std::int64_t>(kPageMax));
  request.limit = static_cast<std::size_t>(limit.value_or(kPageDefault));
  const std::string* cursor = find("cursor");
  if (cursor == nullptr) return request;
  Result<PageKey> key = read_page_cursor(form, *cursor);
  if (key.ok()) {
    request.after = *std::move(key);
  } else if (!fault_) {
    fault_ = std::move(key).error();
  }
  return request;
}

}  // namespace weir::dispatcher
