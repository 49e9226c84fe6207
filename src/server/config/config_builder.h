// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "server/config/config.h"
#include "server/config/config_key_table.h"
#include "server/config/config_yaml.h"

namespace weir::server {

/// Gathers what the sources say into a Config, and every fault on the way. Sources come in rising
/// rank: what a later one says replaces what an earlier one said. Not safe across threads.
class ConfigBuilder {
 public:
  explicit ConfigBuilder(std::vector<KeyDescription> table);

  const KeyTable& keys() const { return keys_; }

  /// Opens the next source. `place_prefix` ("weir.yml") makes places `weir.yml:12:3`; without one
  /// the label of each value is its place. Relative secret files start at `folder`.
  void begin_source(std::string kind, std::string place_prefix, std::filesystem::path folder);

  /// One value as written: `label` is its spelling there, `place` where the key stands.
  struct Written {
    KeyMatch match;
    std::string label;
    TextPlace place;
    const YamlNode* value = nullptr;
  };
  void set(const Written& written);

  void add_fault(std::string reason, std::string place, std::string text);
  /// A key that is not in the table: the fault names the nearest that is.
  void add_unknown(const std::string& label, std::string place, const std::string& nearest_to);

  std::string place_text(const std::string& label, TextPlace place) const;

  /// The configuration, or all faults in one error.
  Result<Config> finish() &&;

 private:
  void set_defaults();
  bool is_given_twice(const Written& written);
  std::optional<std::string> read_secret(const Written& written);

  std::shared_ptr<const std::vector<KeyDescription>> table_;
  KeyTable keys_;
  Config config_;
  std::vector<Fault> faults_;

  std::string source_kind_;
  std::string place_prefix_;
  std::filesystem::path folder_;
  std::map<std::string, std::string> given_here_;  // key → how and where this source gave it
};

}  // namespace weir::server
