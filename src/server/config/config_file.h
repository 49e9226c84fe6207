// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/config/config.h"
#include "server/config/config_key.h"

namespace weir::server {

using Environment = std::map<std::string, std::string>;

/// The environment of this process.
Environment process_environment();

struct LoadOptions {
  /// The YAML file; nothing: defaults and environment only.
  std::optional<std::filesystem::path> path = {};
  /// The keys stand in this section of a larger file, or, if it has none, at the root.
  std::string section = {};
  /// `<prefix><KEY>` in upper case, a dot as `__`, wins over the file. "QMTL__DAGMANAGER__".
  std::string env_prefix = {};
  /// A second prefix for keys that stand at the root of a larger file. "QMTL__".
  std::string top_level_env_prefix = {};
  Environment environment = {};
};

/// Reads a configuration. All faults come in one INVALID_ARGUMENT `config_invalid`, each with its
/// place (`weir.yml:12:3`, or the variable's name): `unknown_key` (with the nearest known one),
/// `duplicate_key`, `given_twice` (a second name or `_file` beside the key), `wrong_kind`,
/// `out_of_range`, `value_not_allowed`, `secret_unreadable`, `not_yaml`, `file_unreadable`,
/// `section_missing`. A null value in the file is the same as no value. A relative `<key>_file`
/// starts at the configuration file's folder.
Result<Config> load_config(std::vector<KeyDescription> table, const LoadOptions& options);

/// A sample file: every key of the table with its meaning, unit and default, in comments; as it
/// stands it changes nothing. Taking the `# ` off a key's line puts it in force.
std::string sample_config(const std::vector<KeyDescription>& table, const std::string& section);

}  // namespace weir::server
