// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/hit_service.h"

#include "base/rfc3339.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

wire::CrossContextHit message_of(const CrossContextHit& hit) {
  wire::CrossContextHit message;
  message.set_hit_id(hit.id);
  message.set_state(std::string(hit_state_text(hit.state)));
  message.set_node_id(hit.what.node.text());
  message.set_wanted_context(hit.what.wanted);
  message.set_existing_context(hit.what.existing);
  message.set_seen(hit.seen);
  message.set_first_seen(base::rfc3339(hit.first_seen));
  message.set_last_seen(base::rfc3339(hit.last_seen));
  message.set_acked_by(hit.acked_by);
  message.set_note(hit.note);
  return message;
}

}  // namespace

Result<void> HitService::record(std::span<const CrossContextViolation> violations) {
  return hits_.record(sightings_of(violations), clock_.now());
}

Result<wire::ListCrossContextHitsReply> HitService::list(const std::string& state) {
  wire::ListCrossContextHitsReply reply;
  const auto wanted = hit_state_of(state);
  if (!state.empty() && !wanted) return reply;
  WEIR_TRY(const auto hits, hits_.list(wanted));
  for (const CrossContextHit& hit : hits) *reply.add_hits() = message_of(hit);
  return reply;
}

Result<wire::CrossContextHit> HitService::acknowledge(
    const wire::AckCrossContextHitRequest& request, const std::string& actor) {
  WEIR_TRY(
      const CrossContextHit hit,
      hits_.acknowledge(
          {.id = request.hit_id(), .note = request.note(), .actor = actor, .at = clock_.now()}));
  server::log().info("cross-context hit cleared",
                     {{"hit", hit.id}, {"node", hit.what.node}, {"actor", hit.acked_by}});
  return message_of(hit);
}

}  // namespace weir::dagmanager
