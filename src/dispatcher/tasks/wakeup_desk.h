// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dispatcher/ports/outbox.h"
#include "dispatcher/ports/waiting_claims.h"
#include "dispatcher/ports/wakeup_queue.h"
#include "dispatcher/wire/task_wire.h"

namespace weir::dispatcher {

/// How long a worker gets no wake-up of a task whose operator it does not run.
inline constexpr Duration kUnsuitedFor = std::chrono::seconds(60);
/// Pairs of a worker and such a task that are kept; beyond, the oldest are forgotten.
inline constexpr std::size_t kUnsuitedMax = 4096;
/// Messages that one look passes over since the asking worker does not run them; those behind them
/// wait for the next look.
inline constexpr std::size_t kUnsuitedPassed = 1024;
/// Messages given lately whose receipts are kept.
inline constexpr std::size_t kGivenMax = 1024;
/// Wake-ups that were told before the relay took them, and how long it leaves them alone: the claim
/// that answers them is under way.
inline constexpr std::size_t kToldMax = 256;
inline constexpr Duration kToldFor = std::chrono::seconds(1);
/// What stands for the number of a message that is not in the queue.
inline constexpr std::string_view kToldMessage = "0";

/// Serves long polls of the wake-up queue (contract section 3.3.6). A request that finds a message
/// is answered at once; else it is parked. What a transaction of this process rings for is told to
/// the parked requests as soon as it stands, and so is what this process's relay hands out; for
/// what others put there one thread serves them, in the order they came, when
/// the desk is rung, and with nothing when their wait is over. Idle, the thread sleeps until the
/// first of these.
///
/// The ring is a hint from this process's relay and from the loops' look at the queue, which comes
/// at least every kLoopPeriodMax. A queue that was found empty is not asked again before a ring.
///
/// A request that claims, too, waits in the line of WaitingClaims: the transaction that makes a
/// task may claim it for the request and answer that with the claim.
class WakeupDesk final : public WaitingClaims {
 public:
  /// Called once, from any thread.
  using Answer = std::move_only_function<void(Result<std::vector<ReceivedWakeup>>)>;
  /// Called in the place of Answer, from a thread of the task store.
  using Claimed = std::move_only_function<void(Result<ClaimAnswer>)>;
  /// Names a parked request.
  using Ticket = std::uint64_t;

  /// Both outlive the desk. `relay_due` is called, on any thread, when nothing that was told keeps
  /// the relay from its rows any more.
  WakeupDesk(WakeupQueue& queue, const Clock& clock, std::function<void()> relay_due = {});
  /// Stops.
  ~WakeupDesk() override;
  WakeupDesk(const WakeupDesk&) = delete;
  WakeupDesk& operator=(const WakeupDesk&) = delete;

  void start();
  /// Answers everyone with nothing; later requests get what there is.
  void stop() WEIR_EXCLUDES(mutex_);

  /// Answers at once, or parks: then gives the ticket of the request. `claimed`: of a request that
  /// claims.
  std::optional<Ticket> wait(const WakeupRequest& request, Answer answer, Claimed claimed = {})
      WEIR_EXCLUDES(mutex_);
  /// Answers a parked request with nothing, if it is still parked: its caller has gone, or hurries.
  void give_up(Ticket ticket) WEIR_EXCLUDES(mutex_);
  /// There may be messages.
  void ring() WEIR_EXCLUDES(mutex_);

  /// Tells parked requests of wake-ups that stand in the outbox. Until they are acknowledged, or
  /// for kToldFor, `told` names them, and the relay leaves them alone. What nobody waits for is the
  /// relay's.
  void tell(std::span<const RungTask> rung) WEIR_EXCLUDES(mutex_);
  std::vector<OutboxId> told() const WEIR_EXCLUDES(mutex_);
  /// Removes messages that a request was answered with; gives how many.
  Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) WEIR_EXCLUDES(mutex_);

  /// How many messages the parked requests wait for, by queue.
  std::vector<QueueRoom> rooms() const WEIR_EXCLUDES(mutex_);
  /// Gives messages that were handed out to the parked requests, and back to the queue what nobody
  /// of them takes.
  void deliver(std::vector<ReceivedWakeup> messages) WEIR_EXCLUDES(mutex_);
  /// The worker does not run the tasks' operators: their wake-ups are for others, now those that it
  /// was given and, for kUnsuitedFor, any that come.
  void pass_on(const std::string& worker_id, std::span<const TaskId> tasks) WEIR_EXCLUDES(mutex_);

  std::size_t parked() const;

  bool any() const override WEIR_EXCLUDES(mutex_);
  std::optional<WaitingClaim> take(const QueueName& queue) override WEIR_EXCLUDES(mutex_);
  void give_back(std::uint64_t ticket) override WEIR_EXCLUDES(mutex_);
  void answer(std::uint64_t ticket, Result<ClaimAnswer> answer) override WEIR_EXCLUDES(mutex_);

 private:
  using Messages = std::vector<ReceivedWakeup>;
  struct Parked {
    Ticket ticket = 0;
    std::string worker_id;
    std::vector<QueueName> queues;
    std::size_t max = 1;
    Duration until{};
    Answer answer;
    std::optional<ClaimRequest> claim = {};
    Claimed claimed = {};
    bool given_up = false;  // while it was taken
  };

  static bool is_claim(const Parked& parked) { return parked.claim && parked.claimed; }
  void run() WEIR_EXCLUDES(mutex_);
  void serve() WEIR_EXCLUDES(mutex_);
  std::vector<Parked> take_due() WEIR_EXCLUDES(mutex_);
  Result<Messages> ask(const std::string& worker_id, const std::vector<QueueName>& queues,
                       std::size_t max, std::uint64_t& rings) WEIR_EXCLUDES(mutex_);
  void ring_for(const Messages& messages, std::uint64_t& rings) WEIR_EXCLUDES(mutex_);
  void release(const Messages& messages);
  void remember(const Messages& given) WEIR_REQUIRES(mutex_);
  /// Gives the parked requests what they wait for, and leaves the rest in `messages`.
  using Answers = std::vector<std::pair<Answer, Messages>>;
  Answers hand_to_parked(Messages& messages) WEIR_REQUIRES(mutex_);
  std::optional<Duration> next_end() const WEIR_REQUIRES(mutex_);
  bool forget_told(Duration latest) WEIR_REQUIRES(mutex_);
  void note_unsuited(const std::string& worker_id, const TaskId& task) WEIR_REQUIRES(mutex_);
  bool known_empty(const std::vector<QueueName>& queues) const WEIR_REQUIRES(mutex_);
  bool suits(const std::string& worker_id, const TaskId& task) const WEIR_REQUIRES(mutex_);
  bool wants_one(const Parked& parked, const Messages& messages) const WEIR_REQUIRES(mutex_);

  WakeupQueue& queue_;
  const Clock& clock_;
  const std::function<void()> relay_due_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::list<Parked> parked_ WEIR_GUARDED_BY(mutex_);
  std::map<Ticket, Parked> taken_ WEIR_GUARDED_BY(mutex_);  // by transactions, out of parked_
  Ticket last_ticket_ WEIR_GUARDED_BY(mutex_) = 0;
  std::uint64_t rings_ WEIR_GUARDED_BY(mutex_) = 1;
  /// How many rings there were when a queue was last found empty.
  std::map<QueueName, std::uint64_t> empty_at_ WEIR_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, TaskId>, Duration> unsuited_ WEIR_GUARDED_BY(mutex_);  // until
  std::map<TaskId, WakeupReceipt> given_ WEIR_GUARDED_BY(mutex_);                        // lately
  struct Told {
    OutboxId row;
    Duration until{};
  };
  std::map<TaskId, Told> told_ WEIR_GUARDED_BY(mutex_);
  bool rung_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
