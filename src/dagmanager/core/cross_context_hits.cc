// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/cross_context_hits.h"

#include <algorithm>
#include <array>

#include "base/enum_words.h"
#include "base/text.h"

namespace weir::dagmanager {
namespace {

constexpr std::array<std::string_view, 2> kHitStates = {"open", "acked"};

}  // namespace

std::string_view hit_state_text(HitState state) {
  return base::word_of(std::span(kHitStates), state);
}

std::optional<HitState> hit_state_of(std::string_view text) {
  return base::enum_of<HitState>(std::span(kHitStates), text);
}

std::vector<HitSighting> sightings_of(std::span<const CrossContextViolation> violations) {
  std::vector<HitSighting> seen;
  seen.reserve(violations.size());
  for (const CrossContextViolation& violation : violations) {
    seen.push_back(
        {violation.node, describe_context(violation.wanted), describe_context(violation.existing)});
  }
  std::ranges::sort(seen);
  seen.erase(std::ranges::unique(seen).begin(), seen.end());
  return seen;
}

std::string hit_key(const HitSighting& what) {
  std::string key = what.node.text();
  key += '\x1f' + what.wanted;
  key += '\x1f' + what.existing;
  return key;
}

Result<void> check_ack(const HitAck& ack) {
  if (base::trim(ack.note).empty()) {
    return base::invalid_argument("note_missing",
                                  "note: say what was found and done; it stands in the audit");
  }
  if (ack.note.size() > kHitNoteBytesMax || ack.note.find('\0') != std::string::npos) {
    return base::invalid_argument(
        "missing_field",
        "note: at most " + std::to_string(kHitNoteBytesMax) + " bytes, none of them zero");
  }
  return {};
}

AuditRow audit_of(const HitAck& ack) {
  return {.at = ack.at,
          .actor = ack.actor,
          .action = "ack_cross_context",
          .subject = ack.id,
          .note = ack.note};
}

Error unknown_hit(const std::string& id) {
  return {Code::NotFound, "unknown_hit", "no cross-context hit " + id + " is stored"};
}

}  // namespace weir::dagmanager
