// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "graph/node_reader.h"

namespace weir::graph {
namespace {

bool is_hex(char byte) {
  const char lower = static_cast<char>(byte | 0x20);
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'f');
}

bool is_algorithm_byte(char byte) {
  const char lower = static_cast<char>(byte | 0x20);
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '-' ||
         byte == '_';
}

/// "<algorithm>:<hex>", whole bytes of hex.
bool is_checksum(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view hex = text.substr(colon + 1);
  return std::ranges::all_of(text.substr(0, colon), is_algorithm_byte) && !hex.empty() &&
         hex.size() % 2 == 0 && std::ranges::all_of(hex, is_hex);
}

class ArtifactReader {
 public:
  ArtifactReader(JsonValue entry, const std::string& path, FaultList& faults)
      : entry_(entry), path_(path), faults_(faults) {}

  std::string text(std::string_view name, bool required) {
    const JsonValue value = entry_.find(name);
    if (value.is_text() && (!required || !value.text().empty())) return std::string(value.text());
    if (required || !value.is_null()) {
      refuse(name, required ? "must be non-empty text" : "must be text");
    }
    return {};
  }

  std::int64_t size() {
    const JsonValue value = entry_.find("size");
    const IntegerReading reading = read_integer(value);
    if (!value.missing() && value.kind() == JsonKind::Integer &&
        reading.state == IntegerState::Ok && reading.value >= 0) {
      return reading.value;
    }
    refuse("size", "must be a number of bytes, 0 or more, within 63 bits");
    return 0;
  }

  void refuse(std::string_view name, std::string text) {
    const JsonValue value = entry_.find(name);
    faults_.add(value.missing() ? entry_ : value,
                {"artifact_invalid", base::json_pointer(path_, name), std::move(text)});
  }

 private:
  JsonValue entry_;
  const std::string& path_;
  FaultList& faults_;
};

}  // namespace

void read_artifact(JsonValue entry, const std::string& path, const DagLimits& limits,
                   ArtifactSizes& sizes, std::vector<Artifact>& artifacts, FaultList& faults) {
  if (!entry.is_object()) {
    faults.add(entry, {"artifact_invalid", path, "must be an object"});
    return;
  }
  const std::size_t faults_before = faults.size();
  ArtifactReader reader(entry, path, faults);
  Artifact artifact;
  artifact.path = reader.text("path", true);
  artifact.checksum = reader.text("checksum", true);
  artifact.size = reader.size();
  artifact.framework = reader.text("framework", false);
  artifact.dtype = reader.text("dtype", false);
  if (artifact.path.size() > limits.text_bytes_max) {
    reader.refuse("path", "has more than " + std::to_string(limits.text_bytes_max) + " bytes");
  }
  if (!artifact.checksum.empty() && !is_checksum(artifact.checksum)) {
    reader.refuse("checksum", "must be an algorithm, ':' and hex digits in pairs");
  }
  if (faults.size() != faults_before) return;
  const auto [known, fresh] = sizes.try_emplace(artifact.checksum, artifact.size);
  if (!fresh && known->second != artifact.size) {
    reader.refuse("size", "is " + std::to_string(artifact.size) +
                              ", but another artifact of this " + "checksum has " +
                              std::to_string(known->second));
    return;
  }
  artifacts.push_back(std::move(artifact));
}

}  // namespace weir::graph
