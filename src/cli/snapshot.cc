// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot.h"

#include <optional>

#include "base/base64.h"
#include "base/blake3.h"
#include "base/canonical_json.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/console/limits.h"

namespace weir::cli {
namespace {

// A frozen DAG stands one level deeper than the DAG.
constexpr base::JsonLimits kLimits = {.depth_max = 1024, .bytes_max = kFileBytesMax};
constexpr base::JsonLimits kFrozenLimits = {.depth_max = kLimits.depth_max + 1,
                                            .bytes_max = 2 * kFileBytesMax};
constexpr int kIndent = 2;

/// The JSON of a file that may hold base64 of it, as the gateway sends it.
std::string json_of(std::string_view text) {
  const std::string_view inner = base::trim(text);
  if (!inner.empty() && std::string_view("{[\"").find(inner.front()) == std::string_view::npos) {
    if (std::optional<std::string> decoded = base::decode_base64(inner)) return *std::move(decoded);
  }
  return std::string(text);
}

}  // namespace

Result<DagSnapshot> make_snapshot(std::string_view dag_text) {
  const std::string json = json_of(dag_text);
  WEIR_TRY(const base::JsonDocument dag, base::JsonDocument::parse(json, kLimits));
  DagSnapshot snapshot;
  snapshot.hash = base::sha256_hex(base::ascii_json(dag.root()));
  const std::string whole = "{\"dag\":" + json + ",\"dag_hash\":\"" + snapshot.hash + "\"}";
  WEIR_TRY(const base::JsonDocument frozen, base::JsonDocument::parse(whole, kFrozenLimits));
  snapshot.frozen = base::ascii_json(frozen.root(), kIndent) + "\n";
  return snapshot;
}

Result<std::string> snapshot_hash(std::string_view snapshot_text) {
  WEIR_TRY(const base::JsonDocument snapshot,
           base::JsonDocument::parse(snapshot_text, kFrozenLimits));
  const base::JsonValue hash = snapshot.root().find("dag_hash");
  if (!hash.is_text()) {
    return base::invalid_argument("snapshot_invalid", "it has no text dag_hash");
  }
  return std::string(hash.text());
}

}  // namespace weir::cli
