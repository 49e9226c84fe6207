// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dispatcher/dagfile/words.h"

namespace weir::dispatcher {

/// A dataset that another DAG publishes, as far as a reader of it must know.
struct KnownDataset {
  /// Columns that `where` may name, with their types (kFilterTypes, kColumnTypes).
  std::map<std::string, std::string, std::less<>> filterable = {};
};

struct KnownBundle {
  BundleLanguage language = BundleLanguage::Node;
  std::string sha256 = {};  ///< lower-case hex; empty in a snapshot
};

/// What stands outside a DAG file that it may name. What is not here does not exist.
struct KnownNames {
  std::map<std::string, KnownDataset, std::less<>> datasets = {};
  std::map<std::string, KnownBundle, std::less<>> bundles = {};
  /// Dataset ids that other DAGs own; publishing one is E_DATASET_OWNED.
  std::set<std::string, std::less<>> owned_by_others = {};
};

/// Reads a registry file (contract section 2.1, mode snapshot):
/// `{"datasets":{dataset_id:{column:type}},"bundles":{bundle_id:language}}`. Every fault is told in
/// one INVALID_ARGUMENT `registry_invalid`, with JSON Pointers.
Result<KnownNames> read_known_names(std::string_view json);

}  // namespace weir::dispatcher
