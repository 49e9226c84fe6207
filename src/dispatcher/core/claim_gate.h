// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/clock.h"
#include "dispatcher/core/records.h"
#include "dispatcher/core/refusal.h"

/// The claim gate (contract section 5.1.1), and what depends on the kind of a task.
namespace weir::dispatcher {

/// Why the gate holds the queued task: stopped, held, paused, concurrency, order, in this order.
/// Nothing if it is open. Kinds sink and check have no gate. (Effects are no reason: the claim that
/// passes resolves them.)
std::optional<NotClaimedReason> closed_gate(const TaskView& view, const BuildFacts& build);

/// Whether the transaction that makes the task may claim it for somebody who waits. What runs in
/// order, or a few at a time, is claimed by a search that sees the others; effects that are not
/// decided yet are by what was handed over, which a claim of its own reads.
bool may_be_claimed_at_once(const TaskRecord& created, const BuildFacts& build);

/// How long a lease of the task lasts, and how long an attempt may take.
struct LeaseTerms {
  Duration lease{};
  std::optional<Duration> timeout;
};
LeaseTerms lease_terms(TaskKind kind, const BuildFacts& build);

/// The number of attempts that the task's kind or job allows.
int attempts_allowed(TaskKind kind, const BuildFacts& build);

/// `wanted`, but not past the deadline plus ten seconds (6.5).
Instant lease_end(Instant wanted, std::optional<Instant> deadline);

/// What a new task's effects are (6.11); nothing: decided when it is claimed.
std::optional<Effects> effects_at_creation(TaskClass task_class, std::optional<Effects> asked,
                                           const BuildFacts& build);

/// What a claim makes of undecided effects: fire iff the build is live's and the root was handed
/// over.
Effects effects_at_claim(const TaskView& view, const BuildFacts& build);

}  // namespace weir::dispatcher
