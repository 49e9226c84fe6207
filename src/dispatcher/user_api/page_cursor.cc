// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/page_cursor.h"

#include <charconv>
#include <optional>

#include "base/base64.h"
#include "base/text.h"
#include "dispatcher/user_api/limits.h"

namespace weir::dispatcher {
namespace {

/// The years that PostgreSQL's instants surely hold.
constexpr std::int64_t kMicrosMax = std::int64_t{1} << 52;

constexpr std::string_view kLetters = "tniux";

char letter_of(PageKeyForm form) { return kLetters[static_cast<std::size_t>(form)]; }

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_instant(std::int64_t number) { return number >= 0 && number <= kMicrosMax; }

bool fits(PageKeyForm form, const PageKey& key) {
  switch (form) {
    case PageKeyForm::Text:
      return !key.text.empty() && base::is_utf8(key.text) &&
             key.text.find('\0') == std::string::npos;
    case PageKeyForm::Number:
      return key.text.empty() && key.number > 0;
    case PageKeyForm::Id:
      return Uuid::parse(key.text).has_value();
    case PageKeyForm::InstantAndId:
      return is_instant(key.number) && Uuid::parse(key.text).has_value();
    case PageKeyForm::InstantAndNumber:
      return is_instant(key.number) && number_of(key.text).has_value();
  }
  return false;
}

std::optional<PageKey> key_of(PageKeyForm form, std::string_view text) {
  if (text.size() > kPageCursorBytes) return std::nullopt;
  const std::optional<std::string> bytes = base::decode_base64url(text);
  if (!bytes || bytes->size() < 2 || bytes->front() != letter_of(form)) return std::nullopt;
  const std::size_t colon = bytes->find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto number = number_of(std::string_view(*bytes).substr(1, colon - 1));
  if (!number) return std::nullopt;
  PageKey key{.number = *number, .text = bytes->substr(colon + 1)};
  return fits(form, key) ? std::optional(std::move(key)) : std::nullopt;
}

}  // namespace

std::string write_page_cursor(PageKeyForm form, const PageKey& key) {
  return base::encode_base64url(letter_of(form) + std::to_string(key.number) + ":" + key.text);
}

Result<PageKey> read_page_cursor(PageKeyForm form, std::string_view text) {
  std::optional<PageKey> key = key_of(form, text);
  if (!key) {
    return base::invalid_argument("invalid_request", "cursor is not one that this list gave");
  }
  return *std::move(key);
}

}  // namespace weir::dispatcher
