// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config_key.h"

namespace weir::server {

using KeyPath = std::vector<std::string>;

/// Which description a written key means.
struct KeyMatch {
  const KeyDescription* description = nullptr;
  std::string name = {};     // what stands for the `<name>` segment
  bool file = false;         // spelled `<key>_file`: the value is the path of a file
  std::string spelled = {};  // as found in the table: the key, a second name, `<key>_file`

  /// The key with the name in its place.
  std::string key() const;
};

/// Finds descriptions by written keys. Read-only; any thread.
class KeyTable {
 public:
  /// Two descriptions of one spelling are our own mistake and stop the program.
  explicit KeyTable(std::shared_ptr<const std::vector<KeyDescription>> descriptions);

  /// Nothing if no key is spelled so. With `fold_case` a segment for `<name>` matches the closed
  /// set of names whatever its case (environment variables are in capitals).
  std::optional<KeyMatch> find(const KeyPath& path, bool fold_case = false) const;

  /// True if longer keys begin with this path.
  bool has_below(const KeyPath& path) const;

  /// The spelling nearest to a text, if it is near enough for a slip of the pen.
  std::optional<std::string> nearest(std::string_view text) const;

  const std::vector<KeyDescription>& descriptions() const { return *descriptions_; }

 private:
  struct Spelling {
    std::vector<std::string> segments;
    std::string text;
    const KeyDescription* description = nullptr;
    bool file = false;
  };

  std::shared_ptr<const std::vector<KeyDescription>> descriptions_;
  std::vector<Spelling> spellings_;
};

/// True for a segment such as `<type>`.
bool is_wildcard(std::string_view segment);

/// The key with `name` where it has a wildcard segment.
std::string with_name(std::string_view key, std::string_view name);

}  // namespace weir::server
