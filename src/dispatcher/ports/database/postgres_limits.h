// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

/// Bounds of the task plane's PostgreSQL adapters.
namespace weir::dispatcher {

/// Bounds of a session of a service: one statement, the wait for a lock, an open transaction whose
/// owner says nothing, a whole transaction (PostgreSQL knows that bound from version 17 on). A long
/// transaction holds back vacuum and so every claim.
inline constexpr std::chrono::milliseconds kServiceStatementTimeout{10'000};
inline constexpr std::chrono::milliseconds kServiceLockTimeout{5'000};
inline constexpr std::chrono::milliseconds kServiceIdleTimeout{10'000};
inline constexpr std::chrono::milliseconds kServiceTransactionTimeout{30'000};
static_assert(kServiceLockTimeout < kServiceStatementTimeout,
              "a statement that waits for a lock must fail by the wait's own name");

/// Sessions of weir_query and weir_readonly: people's reports take longer, a query 300 s at most.
inline constexpr std::chrono::milliseconds kReaderStatementTimeout{300'000};

static_assert(kServiceTransactionTimeout > kServiceStatementTimeout,
              "a transaction holds at least one statement");

/// Weeks for which partitions of the history stand ready.
inline constexpr int kHistoryWeeksAhead = 4;

/// How often making the policies is tried: others may make them at the same moment.
inline constexpr int kPolicyTriesMax = 3;

/// The wait of a call of the task store for a session.
inline constexpr std::chrono::seconds kTaskSessionWait{5};

/// Definitions of jobs that a task store keeps; past that it forgets all.
inline constexpr std::size_t kJobsKept = 4'096;

/// Slots of counters and meters: a session writes into its own.
inline constexpr int kCounterSlots = 16;

/// Unfinished tasks of an ordered input that a transaction looks at, and how many of them it locks:
/// the one that ends and the next.
inline constexpr int kOrderHeads = 32;
inline constexpr int kOrderHeadsLocked = 2;

/// How often an acceptance starts over because a DAG subscribed while its locks were taken.
inline constexpr int kAcceptTriesMax = 5;

/// One query of the auditor, over everything.
inline constexpr std::chrono::milliseconds kAuditStatementTimeout{60'000};

/// What a request of the user listener waits for a session.
inline constexpr std::chrono::milliseconds kUserPoolWait{5'000};

/// Publishes a page, where the auditor compares two servers.
inline constexpr int kAuditPageRows = 5'000;

}  // namespace weir::dispatcher
