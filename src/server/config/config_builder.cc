// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_builder.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "server/config/config_value.h"
#include "server/config/limits.h"

namespace weir::server {

ConfigBuilder::ConfigBuilder(std::vector<KeyDescription> table)
    : table_(std::make_shared<const std::vector<KeyDescription>>(std::move(table))), keys_(table_) {
  config_.table_ = table_;
  set_defaults();
}

void ConfigBuilder::begin_source(std::string kind, std::string place_prefix,
                                 std::filesystem::path folder) {
  source_kind_ = std::move(kind);
  place_prefix_ = std::move(place_prefix);
  folder_ = std::move(folder);
  given_here_.clear();
}

void ConfigBuilder::set(const Written& written) {
  if (written.value->kind == YamlKind::Null || is_given_twice(written)) return;
  const KeyDescription& description = *written.match.description;
  std::vector<ValueFault> faults;
  std::optional<ConfigValue> value;
  if (written.match.file) {
    value = read_secret(written);
  } else {
    value = convert_value(description, written.label, *written.value, faults);
  }
  for (ValueFault& fault : faults) {
    add_fault(std::move(fault.reason), place_text(written.label, fault.place),
              std::move(fault.text));
  }
  if (!value) return;
  const auto* text = std::get_if<std::string>(&*value);
  Config::Entry& entry = config_.entries_[written.match.key()];
  entry.description = &description;
  entry.name = written.match.name;
  entry.has = text == nullptr || !text->empty();
  entry.given = true;
  entry.origin = source_kind_ + " " + place_text(written.label, written.place);
  entry.value = *std::move(value);
}

void ConfigBuilder::add_fault(std::string reason, std::string place, std::string text) {
  faults_.push_back({std::move(reason), std::move(place), std::move(text)});
}

void ConfigBuilder::add_unknown(const std::string& label, std::string place,
                                const std::string& nearest_to) {
  std::string text = fmt::format("there is no key `{}`", label);
  const std::optional<std::string> nearest = keys_.nearest(nearest_to);
  if (nearest == nearest_to && nearest->contains('.')) {
    text = fmt::format("`{}` must be written as nested mappings, one level for each dot", label);
  } else if (nearest) {
    text += fmt::format("; did you mean `{}`?", *nearest);
  }
  add_fault("unknown_key", std::move(place), std::move(text));
}

std::string ConfigBuilder::place_text(const std::string& label, TextPlace place) const {
  if (place_prefix_.empty()) return label;
  return fmt::format("{}:{}:{}", place_prefix_, place.line, place.column);
}

Result<Config> ConfigBuilder::finish() && {
  if (faults_.empty()) return std::move(config_);
  const std::string count =
      faults_.size() == 1 ? "1 fault" : fmt::format("{} faults", faults_.size());
  return base::invalid_argument("config_invalid", "the configuration has " + count)
      .with_faults(std::move(faults_));
}

void ConfigBuilder::set_defaults() {
  for (const KeyDescription& description : *table_) {
    const bool pattern = description.key.contains('<');
    // A default for any name would be a key that nobody can list.
    WEIR_ASSERT(!pattern || description.default_text.empty());
    if (pattern) continue;
    Config::Entry& entry = config_.entries_[description.key];
    entry.description = &description;
    entry.origin = "default";
    entry.has = !description.default_text.empty();
    if (!entry.has) continue;
    std::vector<ValueFault> faults;
    std::optional<ConfigValue> value =
        convert_value(description, description.key,
                      value_of_text(description.kind, description.default_text), faults);
    WEIR_ASSERT(value.has_value());
    entry.value = *std::move(value);
  }
}

bool ConfigBuilder::is_given_twice(const Written& written) {
  const std::string place = place_text(written.label, written.place);
  const auto [first, is_first] = given_here_.try_emplace(written.match.key(), written.label);
  if (is_first) return false;
  const bool same = first->second == written.label;
  add_fault(
      same ? "duplicate_key" : "given_twice", place,
      same ? fmt::format("`{}` stands here a second time", written.label)
           : fmt::format("`{}` and `{}` mean the same; keep one", first->second, written.label));
  return true;
}

std::optional<std::string> ConfigBuilder::read_secret(const Written& written) {
  const std::string place = place_text(written.label, written.value->place);
  if (written.value->kind != YamlKind::Scalar || written.value->text.empty()) {
    add_fault("wrong_kind", place, fmt::format("`{}` needs the path of a file", written.label));
    return {};
  }
  const std::filesystem::path path = folder_ / written.value->text;
  std::ifstream file(path, std::ios::binary);
  std::string text(kSecretFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (!file.is_open() || file.bad() || text.size() > kSecretFileBytesMax) {
    const std::string_view what =
        file.is_open() ? "cannot be read, or is larger than a secret is" : "cannot be opened";
    add_fault("secret_unreadable", place,
              fmt::format("`{}`: {} {}", written.label, path.string(), what));
    return {};
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace weir::server
