// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>

#include "base/text.h"
#include "server/config/config_builder.h"
#include "server/config/config_value.h"
#include "server/config/limits.h"

extern char**
    environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program.

namespace weir::server {
namespace {

std::string dotted(const KeyPath& path) { return base::join(path, "."); }

/// Reads the file's document into a builder.
class FileReader {
 public:
  FileReader(ConfigBuilder& builder, const LoadOptions& options)
      : builder_(builder), options_(options), name_(options.path->string()) {}

  void read() {
    builder_.begin_source("file", name_, options_.path->parent_path());
    std::string text;
    if (!read_text(text)) return;
    const auto document = read_yaml(text);
    if (const auto* refusal = std::get_if<YamlRefusal>(&document)) {
      return builder_.add_fault("not_yaml", at(refusal->place), refusal->text);
    }
    read_root(std::get<YamlNode>(document));
  }

 private:
  bool read_text(std::string& text) {
    std::ifstream file(*options_.path, std::ios::binary);
    const int error = errno;
    text.resize(kConfigFileBytesMax + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    if (!file.is_open()) {
      builder_.add_fault("file_unreadable", name_, std::strerror(error));
    } else if (file.bad()) {
      builder_.add_fault("file_unreadable", name_, "cannot be read; is it a file?");
    } else if (text.size() > kConfigFileBytesMax) {
      builder_.add_fault("file_unreadable", name_,
                         fmt::format("is larger than {} bytes", kConfigFileBytesMax));
    } else {
      return true;
    }
    return false;
  }

  void read_root(const YamlNode& root) {
    const bool wants_section = !options_.section.empty();
    if (root.kind != YamlKind::Mapping && root.kind != YamlKind::Null) {
      return builder_.add_fault("wrong_kind", at(root.place), "the file must be a mapping of keys");
    }
    if (root.kind == YamlKind::Null && wants_section) {
      return builder_.add_fault("section_missing", at(root.place),
                                fmt::format("there is no section `{}`", options_.section));
    }
    const bool has_section =
        wants_section && std::ranges::any_of(root.children, [&](const YamlNode& member) {
          return member.key == options_.section;
        });
    has_section ? read_larger_file(root) : read_mapping(root, {}, Part::All);
  }

  enum class Part { All, Section };

  /// Other programs' sections are theirs; only the section and what belongs beside it is read.
  void read_larger_file(const YamlNode& root) {
    bool seen = false;
    for (const YamlNode& member : root.children) {
      if (member.key == options_.section) {
        if (seen) {
          builder_.add_fault("duplicate_key", at(member.key_place),
                             fmt::format("`{}` stands here a second time", member.key));
        }
        seen = true;
        read_section(member);
      } else if (is_top_level(member.key)) {
        read_member(member, {}, Part::All);
      } else if (is_known(member.key)) {
        builder_.add_fault("unknown_key", at(member.key_place),
                           fmt::format("`{}` belongs under `{}`", member.key, options_.section));
      }
    }
  }

  void read_section(const YamlNode& section) {
    if (section.kind == YamlKind::Null) return;
    if (section.kind != YamlKind::Mapping) {
      return builder_.add_fault("wrong_kind", at(section.place),
                                fmt::format("`{}` needs a mapping of keys", section.key));
    }
    read_mapping(section, {}, Part::Section);
  }

  void read_mapping(const YamlNode& mapping, const KeyPath& above, Part part) {
    for (const YamlNode& member : mapping.children) read_member(member, above, part);
  }

  void read_member(const YamlNode& member, const KeyPath& above, Part part) {
    KeyPath path = above;
    path.push_back(member.key);
    if (part == Part::Section && above.empty() && is_top_level(member.key)) {
      return builder_.add_fault("unknown_key", at(member.key_place),
                                fmt::format("`{}` stands at the root of the file, not under `{}`",
                                            member.key, options_.section));
    }
    if (const std::optional<KeyMatch> match = builder_.keys().find(path)) {
      return builder_.set({*match, dotted(path), member.key_place, &member});
    }
    if (!builder_.keys().has_below(path)) {
      const std::string label = dotted(path);
      return builder_.add_unknown(label, at(member.key_place), label);
    }
    read_below(member, path, part);
  }

  void read_below(const YamlNode& member, const KeyPath& path, Part part) {
    if (!mappings_.emplace(dotted(path)).second) {
      builder_.add_fault("duplicate_key", at(member.key_place),
                         fmt::format("`{}` stands here a second time", dotted(path)));
    }
    if (member.kind == YamlKind::Mapping) return read_mapping(member, path, part);
    if (member.kind == YamlKind::Null) return;
    builder_.add_fault("wrong_kind", at(member.place),
                       fmt::format("`{}` needs a mapping of keys", dotted(path)));
  }

  /// True if the first segment is one of a key that stands beside the section.
  bool is_top_level(const std::string& first) const {
    return std::ranges::any_of(builder_.keys().descriptions(), [&](const KeyDescription& key) {
      return key.top_level && base::split(key.key, '.').front() == first;
    });
  }

  bool is_known(const std::string& first) const {
    return builder_.keys().find({first}) || builder_.keys().has_below({first});
  }

  std::string at(TextPlace place) const { return builder_.place_text(name_, place); }

  ConfigBuilder& builder_;
  const LoadOptions& options_;
  const std::string name_;
  std::set<std::string> mappings_;  // inner mappings seen, to tell repeated ones
};

/// What a variable's name says behind the prefix: `TLS__CERT_FILE` is tls.cert_file.
KeyPath path_of_variable(std::string_view rest) {
  KeyPath path;
  while (true) {
    const std::size_t gap = rest.find("__");
    path.push_back(base::lower_ascii(rest.substr(0, gap)));
    if (gap == std::string_view::npos) return path;
    rest.remove_prefix(gap + 2);
  }
}

void read_variable(ConfigBuilder& builder, const std::string& variable, const KeyMatch& match,
                   const std::string& text) {
  const ValueKind kind = match.file ? ValueKind::Text : match.description->kind;
  const YamlNode value = value_of_text(kind, text);
  builder.set({match, variable, {}, &value});
}

void read_environment(ConfigBuilder& builder, const LoadOptions& options) {
  builder.begin_source("environment", "", "");
  const std::string& prefix = options.env_prefix;
  const std::string& outer = options.top_level_env_prefix;
  for (const auto& [variable, text] : options.environment) {
    if (!prefix.empty() && variable.starts_with(prefix)) {
      const KeyPath path = path_of_variable(std::string_view(variable).substr(prefix.size()));
      const std::optional<KeyMatch> match = builder.keys().find(path, true);
      if (match) {
        read_variable(builder, variable, *match, text);
      } else {
        builder.add_unknown(variable, variable, dotted(path));
      }
    } else if (!outer.empty() && variable.starts_with(outer)) {
      // Other variables with the shorter prefix belong to other programs.
      const KeyPath path = path_of_variable(std::string_view(variable).substr(outer.size()));
      const std::optional<KeyMatch> match = builder.keys().find(path, true);
      if (match && match->description->top_level) read_variable(builder, variable, *match, text);
    }
  }
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Result<Config> load_config(std::vector<KeyDescription> table, const LoadOptions& options) {
  ConfigBuilder builder(std::move(table));
  if (options.path) FileReader(builder, options).read();
  read_environment(builder, options);
  return std::move(builder).finish();
}

}  // namespace weir::server
