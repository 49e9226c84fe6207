// SPDX-License-Identifier: Apache-2.0
#include "operators/batch_manifest.h"

#include <utility>

#include "base/json_line.h"
#include "operators/failure.h"
#include "operators/json_members.h"

namespace weir::operators {
namespace {

Result<ManifestSource> read_source(JsonValue root) {
  ManifestSource manifest;
  const JsonValue source = root.find("source");
  if (!source.is_null()) {
    WEIR_TRY(const Uuid dataset, needed_uuid(source, "dataset_uuid"));
    WEIR_TRY(const Uuid version, needed_uuid(source, "dataset_version"));
    manifest.dataset = DatasetUuid(dataset);
    manifest.version = DatasetVersionId(version);
  }
  WEIR_TRY(manifest.cursor_column, optional_text(root, "cursor_column"));
  WEIR_TRY(const auto start, optional_whole(root, "start"));
  WEIR_TRY(const auto end, optional_whole(root, "end"));
  if (start && end && *start <= *end) manifest.range = {.start = *start, .end = *end};
  return manifest;
}

}  // namespace

JsonText write_batch_manifest(const BatchManifest& manifest) {
  std::string text;
  JsonLine line(text);
  line.number("manifest_version", 1).key("source");
  JsonLine source(text);
  source.text("dataset_uuid", manifest.dataset.text());
  if (manifest.dataset_id) source.text("dataset_id", *manifest.dataset_id);
  source.text("dataset_version", manifest.version.text()).end();
  line.text("cursor_column", manifest.cursor_column);
  line.text("mode", manifest.mode == WindowMode::Count ? "count" : "range");
  line.number("start", manifest.batch.range.start).number("end", manifest.batch.range.end);
  if (manifest.batch.count > 0) {
    line.number("first_seq", manifest.batch.first_seq);
    line.number("last_seq", manifest.batch.last_seq);
  } else {
    line.null("first_seq").null("last_seq");
  }
  line.number("count", manifest.batch.count).end();
  return text;
}

Result<ManifestSource> read_manifest_source(std::string_view payload) {
  WEIR_TRY(const JsonDocument document, parse_object(payload, "payload"));
  auto manifest = read_source(document.root());
  if (!manifest.ok()) return fatal_error("manifest_invalid", manifest.error().message());
  return manifest;
}

}  // namespace weir::operators
