// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/known_names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json.h"
#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

/// Reads a registry file and keeps what is wrong with it.
class NamesReader {
 public:
  void read(JsonValue root) {
    if (!root.is_object()) return add("", "needs an object");
    for (const JsonValue member : root) {
      const std::string path = base::json_pointer("", member.key());
      if (root.find(member.key()).position() != member.position()) {
        add(path, "stands here twice");
      } else if (member.key() == "datasets") {
        each(member, path,
             [&](JsonValue dataset, const std::string& at) { read_dataset(dataset, at); });
      } else if (member.key() == "bundles") {
        each(member, path,
             [&](JsonValue bundle, const std::string& at) { read_bundle(bundle, at); });
      } else {
        add(path, "is unknown; there are `datasets` and `bundles`");
      }
    }
  }

  Result<KnownNames> finish() && {
    if (faults_.empty()) return std::move(names_);
    return base::invalid_argument("registry_invalid", "the registry file cannot be used")
        .with_faults(std::move(faults_));
  }

 private:
  void add(std::string path, std::string text) {
    if (faults_.size() < kFaultsMax) {
      faults_.push_back({"registry_invalid", std::move(path), std::move(text)});
    }
  }

  template <class Read>
  void each(JsonValue object, const std::string& path, Read read) {
    if (!object.is_object()) return add(path, "needs an object");
    for (const JsonValue member : object) read(member, base::json_pointer(path, member.key()));
  }

  void read_dataset(JsonValue dataset, const std::string& path) {
    KnownDataset& known = names_.datasets[std::string(dataset.key())];
    each(dataset, path, [&](JsonValue column, const std::string& at) {
      const bool typed = column.is_text() && (is_one_of(column.text(), kFilterTypes) ||
                                              is_one_of(column.text(), kColumnTypes));
      if (!typed) {
        return add(at,
                   "needs a type: " + one_of(kFilterTypes) + ", or one of " + one_of(kColumnTypes));
      }
      known.filterable.insert_or_assign(std::string(column.key()), std::string(column.text()));
    });
  }

  void read_bundle(JsonValue bundle, const std::string& path) {
    const auto language = enum_of<BundleLanguage>(kBundleLanguages, bundle.text());
    if (!bundle.is_text() || !language) return add(path, "needs " + one_of(kBundleLanguages));
    names_.bundles.insert_or_assign(std::string(bundle.key()), KnownBundle{.language = *language});
  }

  static bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  }

  KnownNames names_;
  std::vector<Fault> faults_;
};

}  // namespace

Result<KnownNames> read_known_names(std::string_view json) {
  Result<JsonDocument> document =
      JsonDocument::parse(json, {.depth_max = kRegistryDepthMax, .bytes_max = kRegistryBytesMax});
  if (!document.ok()) {
    return base::invalid_argument("registry_invalid", document.error().message())
        .with_faults(document.error().faults());
  }
  NamesReader reader;
  reader.read(document->root());
  return std::move(reader).finish();
}

}  // namespace weir::dispatcher
