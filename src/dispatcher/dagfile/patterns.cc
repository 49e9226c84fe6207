// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "dispatcher/dagfile/fields.h"

namespace weir::dispatcher {
namespace {

bool is_lower(char byte) { return byte >= 'a' && byte <= 'z'; }
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_letter(char byte) { return is_lower(byte) || (byte >= 'A' && byte <= 'Z'); }
bool is_alnum(char byte) { return is_letter(byte) || is_digit(byte); }
bool is_word(char byte) { return is_alnum(byte) || byte == '_'; }
bool is_snake(char byte) { return is_lower(byte) || is_digit(byte) || byte == '_'; }

/// One character that `first` takes, then at most `rest_max` that `rest` takes.
template <class First, class Rest>
bool is_shaped(std::string_view text, First first, Rest rest, std::size_t rest_max) {
  return !text.empty() && text.size() <= rest_max + 1 && first(text.front()) &&
         std::ranges::all_of(text.substr(1), rest);
}

bool is_name(std::string_view text) {
  return is_shaped(
      text, is_alnum, [](char byte) { return is_word(byte) || byte == '.' || byte == '-'; }, 127);
}

bool is_column(std::string_view text) {
  return is_shaped(text, [](char byte) { return is_lower(byte) || byte == '_'; }, is_snake, 62);
}

bool is_secret(std::string_view text) { return is_shaped(text, is_lower, is_snake, 63); }

bool is_bundle(std::string_view text) {
  const auto part = [](char byte) {
    return is_word(byte) || byte == '.' || byte == ':' || byte == '-';
  };
  return is_shaped(text, part, part, 127);
}

bool is_identifier(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) && std::ranges::all_of(text, is_word);
}

/// A path with `/` and `-`, then at least one `.identifier`.
bool is_entrypoint(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view path = text.substr(0, dot);
  if (path.empty() || is_digit(path.front()) || !is_word(path.front())) return false;
  const auto in_path = [](char byte) { return is_word(byte) || byte == '/' || byte == '-'; };
  if (!std::ranges::all_of(path, in_path)) return false;
  for (text.remove_prefix(dot + 1);; text.remove_prefix(text.find('.') + 1)) {
    if (!is_identifier(text.substr(0, text.find('.')))) return false;
    if (!text.contains('.')) return true;
  }
}

bool is_webhook_path(std::string_view text) {
  return is_shaped(
             text, is_alnum, [](char byte) { return is_word(byte) || byte == '/' || byte == '-'; },
             199) &&
         !text.contains("//");
}

bool is_check_name(std::string_view text) { return is_shaped(text, is_lower, is_snake, 62); }

bool is_duration(std::string_view text) { return parse_duration_ms(text).has_value(); }

}  // namespace

constexpr TextPattern kNamePattern{"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$", is_name};
constexpr TextPattern kColumnPattern{"^[a-z_][a-z0-9_]{0,62}$", is_column};
constexpr TextPattern kSecretPattern{"^[a-z][a-z0-9_]{0,63}$", is_secret};
constexpr TextPattern kBundlePattern{"^[A-Za-z0-9._:-]{1,128}$", is_bundle};
constexpr TextPattern kEntrypointPattern{"^[A-Za-z_][A-Za-z0-9_/-]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$",
                                         is_entrypoint};
constexpr TextPattern kWebhookPattern{"^(?!.*//)[A-Za-z0-9][A-Za-z0-9_/-]{0,199}$",
                                      is_webhook_path};
constexpr TextPattern kCheckNamePattern{"^[a-z][a-z0-9_]{0,62}$", is_check_name};
constexpr TextPattern kDurationPattern{"^[1-9][0-9]*(ms|s|m|h|d)$", is_duration};

}  // namespace weir::dispatcher
