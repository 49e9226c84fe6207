// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/strong_text.h"

namespace weir::graph {

using NodeId = base::StrongText<struct NodeIdTag>;  ///< "blake3:<hex>", or a caller's own id
using ComputeKey = base::StrongText<struct ComputeKeyTag>;  ///< section 2.7
using BindingKey =
    base::StrongText<struct BindingKeyTag>;  ///< section 3.6: compute key, or + "|strategy"
using StrategyId = base::StrongText<struct StrategyIdTag>;
using SentinelId = base::StrongText<struct SentinelIdTag>;
using WorldId = base::StrongText<struct WorldIdTag>;
using VersionLabel = base::StrongText<struct VersionLabelTag>;
using Namespace = base::StrongText<struct NamespaceTag>;  ///< "w1.live"; empty for none
using TopicName = base::StrongText<struct TopicNameTag>;
/// Topic in lower case with `.` as `_`: equal keys collide inside a broker (section 3.17).
using TopicKey = base::StrongText<struct TopicKeyTag>;

}  // namespace weir::graph
