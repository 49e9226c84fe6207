// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/config/config_key.h"
#include "server/config/config_yaml.h"

namespace weir::server {

/// A fault of a value: a reason word of `load_config`, where inside the value, and what is wrong.
struct ValueFault {
  std::string reason;
  TextPlace place;
  std::string text;
};

/// Reads a value as its description demands; nothing, and `faults` filled, if it is not such a
/// value. `label` is the key as it was written. A secret's text is never repeated.
std::optional<ConfigValue> convert_value(const KeyDescription& description,
                                         const std::string& label, const YamlNode& node,
                                         std::vector<ValueFault>& faults);

/// A value given as one text (environment, default): lists as `a, b` or `[a, b]`, mappings as
/// `{a: b}`.
YamlNode value_of_text(ValueKind kind, const std::string& text);

/// The value as it would be written, passwords masked.
std::string show_value(const KeyDescription& description, const ConfigValue& value);

}  // namespace weir::server
