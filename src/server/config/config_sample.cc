// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "server/config/config_file.h"
#include "server/config/config_key_table.h"
#include "server/config/config_value.h"

namespace weir::server {
namespace {

constexpr std::size_t kColumns = 98;

/// True if YAML reads the text back as it stands.
bool is_plain(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+-=";
  return !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
         text != "null" && !text.ends_with(':') && !text.starts_with('-') && !text.starts_with('@');
}

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out;
  base::append_json_text(out, text);  // a JSON text is a YAML text
  return out;
}

std::string written(const KeyDescription& key) {
  const std::string& text = key.default_text.empty() ? key.example : key.default_text;
  if (text.empty()) return "";
  if (key.kind == ValueKind::TextMap) return " " + text;
  if (key.kind != ValueKind::TextList) return " " + yaml_text(text);
  std::vector<std::string> elements;
  for (const YamlNode& element : value_of_text(key.kind, text).children) {
    elements.push_back(yaml_text(element.text));
  }
  return " [" + base::join(elements, ", ") + "]";
}

/// "Default: 25 seconds. One of …" in one paragraph.
std::string facts(const KeyDescription& key) {
  const bool shown = !key.default_words.empty() || !key.default_text.empty();
  const std::string& value = key.default_words.empty() ? key.default_text : key.default_words;
  std::string text = "Default: " + (shown ? (key.secret ? "set" : value) : "none");
  if (!key.unit.empty() && shown) text += " " + key.unit;
  text += '.';
  if (!key.unit.empty() && !shown) text += fmt::format(" In {}.", key.unit);
  if (!key.allowed.empty()) text += fmt::format(" One of {}.", base::join(key.allowed, ", "));
  if (key.at_least && key.at_most) {
    text += fmt::format(" From {} to {}.", *key.at_least, *key.at_most);
  } else if (key.at_least) {
    text += fmt::format(" At least {}.", *key.at_least);
  } else if (key.at_most) {
    text += fmt::format(" At most {}.", *key.at_most);
  }
  for (const std::string& name : key.second_names) text += fmt::format(" Second name {}.", name);
  if (key.secret) text += " May be given as the path of a file, with `_file` after the key.";
  return text;
}

/// The sample as it grows.
class Sample {
 public:
  void prose(std::string_view text, std::size_t indent) {
    const std::string lead = std::string(indent, ' ') + "##";
    std::string line = lead;
    for (const std::string_view word : base::split(text, ' ')) {
      if (line.size() + 1 + word.size() > kColumns && line.size() > lead.size()) {
        text_ += line + "\n";
        line = lead;
      }
      line += ' ';
      line += word;
    }
    text_ += line + "\n";
  }

  /// A key with its parents where they have not just been written.
  void key(const KeyDescription& description, std::size_t indent) {
    const std::string& first =
        description.wildcard_names.empty() ? std::string() : description.wildcard_names.front();
    std::vector<std::string> segments;
    for (const std::string_view segment : base::split(description.key, '.')) {
      const std::string bare = is_wildcard(segment)
                                   ? std::string(segment.substr(1, segment.size() - 2))
                                   : std::string(segment);
      segments.push_back(is_wildcard(segment) && !first.empty() ? first : bare);
    }
    const std::string leaf = segments.back();
    segments.pop_back();
    const std::string blanks(indent, ' ');
    std::size_t same = 0;
    while (same < segments.size() && same < parents_.size() && segments[same] == parents_[same]) {
      ++same;
    }
    for (std::size_t depth = same; depth < segments.size(); ++depth) {
      text_ += fmt::format("{}# {}{}:\n", blanks, std::string(2 * depth, ' '), segments[depth]);
    }
    prose(description.meaning + " " + facts(description), indent);
    text_ += fmt::format("{}# {}{}:{}\n", blanks, std::string(2 * segments.size(), ' '), leaf,
                         written(description));
    parents_ = std::move(segments);
  }

  void line(std::string_view text) {
    text_.append(text) += '\n';
    parents_.clear();
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::string> parents_;
};

}  // namespace

std::string sample_config(const std::vector<KeyDescription>& table, const std::string& section) {
  Sample sample;
  sample.prose("Every key with its meaning and default. As it stands, this file changes nothing.",
               0);
  sample.prose(
      "Take the `# ` off a key's line, and off the lines of the mappings it stands in, to "
      "put it in force.",
      0);
  sample.line("");
  for (const KeyDescription& key : table) {
    if (key.top_level) sample.key(key, 0);
  }
  if (!section.empty()) sample.line("\n" + section + ":");
  for (const KeyDescription& key : table) {
    if (!key.top_level) sample.key(key, section.empty() ? 0 : 2);
  }
  return sample.take();
}

}  // namespace weir::server
