// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/wakeup_desk.h"

#include <algorithm>
#include <utility>

#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {

WakeupDesk::WakeupDesk(WakeupQueue& queue, const Clock& clock, std::function<void()> relay_due)
    : queue_(queue), clock_(clock), relay_due_(std::move(relay_due)) {}

WakeupDesk::~WakeupDesk() { stop(); }

void WakeupDesk::start() {
  thread_ = std::jthread([this] { run(); });
}

void WakeupDesk::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<WakeupDesk::Ticket> WakeupDesk::wait(const WakeupRequest& request, Answer answer,
                                                   Claimed claimed) {
  std::uint64_t rings = 0;
  bool may_hold = true;
  {
    const base::MutexLock lock(mutex_);
    rings = rings_;
    may_hold = !known_empty(request.queues);
  }
  Result<Messages> found = Messages{};
  if (may_hold) found = ask(request.worker_id, request.queues, request.max, rings);
  if (found.ok() && found->empty() && request.wait > Duration::zero()) {
    const base::MutexLock lock(mutex_);
    if (!stopping_) {
      const Ticket ticket = ++last_ticket_;
      parked_.push_back({.ticket = ticket,
                         .worker_id = request.worker_id,
                         .queues = request.queues,
                         .max = request.max,
                         .until = clock_.monotonic() + request.wait,
                         .answer = std::move(answer),
                         .claim = request.claim,
                         .claimed = std::move(claimed)});
      if (rings != rings_) rung_ = true;  // while it looked
      changed_.notify_all();
      return ticket;
    }
  }
  answer(std::move(found));
  return std::nullopt;
}

bool WakeupDesk::known_empty(const std::vector<QueueName>& queues) const {
  for (const QueueName& queue : queues) {
    const auto found = empty_at_.find(queue);
    if (found == empty_at_.end() || found->second != rings_) return false;
  }
  return true;
}

bool WakeupDesk::suits(const std::string& worker_id, const TaskId& task) const {
  const auto found = unsuited_.find({worker_id, task});
  return found == unsuited_.end() || found->second <= clock_.monotonic();
}

/// Messages of the queues that are for this worker; it passes over those that are not, and then
/// gives them back. `rings` is how many there were before, and afterwards counts its own.
Result<WakeupDesk::Messages> WakeupDesk::ask(const std::string& worker_id,
                                             const std::vector<QueueName>& queues, std::size_t max,
                                             std::uint64_t& rings) {
  Messages suited;
  Messages others;
  Result<void> asked;
  for (std::size_t wanted = max; suited.empty() && others.size() < kUnsuitedPassed;
       wanted = kWakeupsReceiveMax) {
    auto received = queue_.receive(queues, wanted);
    if (!received.ok()) {
      asked = std::move(received).error();
      break;
    }
    const base::MutexLock lock(mutex_);
    for (ReceivedWakeup& message : *received) {
      const bool taken = suited.size() < max && suits(worker_id, message.task_id);
      (taken ? suited : others).push_back(std::move(message));
    }
    if (received->size() == wanted) continue;
    if (others.empty()) {
      for (const QueueName& queue : queues) empty_at_[queue] = rings;
    }
    break;
  }
  if (!others.empty()) {
    release(others);
    ring_for(others, rings);
  }
  if (suited.empty() && !asked.ok()) return std::move(asked).error();
  const base::MutexLock lock(mutex_);
  remember(suited);
  return suited;
}

/// Messages are there again that others may not have found meanwhile. Who waits for none of them
/// is not asked for.
void WakeupDesk::ring_for(const Messages& messages, std::uint64_t& rings) {
  const base::MutexLock lock(mutex_);
  if (rings == rings_) ++rings;
  ++rings_;
  for (const Parked& parked : parked_) {
    if (!wants_one(parked, messages)) continue;
    rung_ = true;
    changed_.notify_all();
    return;
  }
}

bool WakeupDesk::wants_one(const Parked& parked, const Messages& messages) const {
  for (const ReceivedWakeup& message : messages) {
    const bool its_queue = std::ranges::find(parked.queues, message.queue) != parked.queues.end();
    if (its_queue && suits(parked.worker_id, message.task_id)) return true;
  }
  return false;
}

/// What cannot be given back shows up again when its time is over.
void WakeupDesk::release(const Messages& messages) {
  if (messages.empty()) return;
  std::vector<WakeupReceipt> receipts;
  receipts.reserve(messages.size());
  for (const ReceivedWakeup& message : messages) {
    receipts.push_back({message.message_id, message.receipt});
  }
  static_cast<void>(queue_.release(receipts).ok());
}

std::vector<QueueRoom> WakeupDesk::rooms() const {
  const base::MutexLock lock(mutex_);
  std::map<QueueName, std::size_t> sums;
  for (const Parked& parked : parked_) {
    for (const QueueName& queue : parked.queues) sums[queue] += parked.max;
  }
  std::vector<QueueRoom> rooms;
  rooms.reserve(sums.size());
  for (const auto& [queue, room] : sums) rooms.push_back({queue, room});
  return rooms;
}

WakeupDesk::Answers WakeupDesk::hand_to_parked(Messages& messages) {
  Answers answers;
  for (auto at = parked_.begin(); at != parked_.end() && !messages.empty();) {
    Messages given;
    Messages left;
    for (ReceivedWakeup& message : messages) {
      const bool wanted = given.size() < at->max &&
                          std::ranges::find(at->queues, message.queue) != at->queues.end() &&
                          suits(at->worker_id, message.task_id);
      (wanted ? given : left).push_back(std::move(message));
    }
    messages = std::move(left);
    if (given.empty()) {
      ++at;
      continue;
    }
    answers.emplace_back(std::move(at->answer), std::move(given));
    at = parked_.erase(at);
  }
  return answers;
}

void WakeupDesk::deliver(Messages messages) {
  Answers answers;
  {
    const base::MutexLock lock(mutex_);
    answers = hand_to_parked(messages);
    for (const auto& [answer, given] : answers) remember(given);
  }
  for (auto& [answer, given] : answers) answer(std::move(given));
  if (messages.empty()) return;
  release(messages);
  ring();
}

void WakeupDesk::tell(std::span<const RungTask> rung) {
  Answers answers;
  {
    const base::MutexLock lock(mutex_);
    if (parked_.empty() || stopping_) return;
    Messages messages;
    for (const RungTask& task : rung) {
      if (told_.size() + messages.size() == kToldMax) break;
      messages.push_back({.queue = task.wakeup.queue,
                          .message_id = std::string(kToldMessage),
                          .receipt = task.outbox_id.text(),
                          .task_id = task.wakeup.task_id});
    }
    answers = hand_to_parked(messages);
    const Duration until = clock_.monotonic() + kToldFor;
    for (const auto& [answer, given] : answers) {
      for (const ReceivedWakeup& message : given) {
        const auto row = std::ranges::find(
            rung, message.task_id, [](const RungTask& task) { return task.wakeup.task_id; });
        told_.insert_or_assign(message.task_id, Told{row->outbox_id, until});
      }
    }
    if (!answers.empty()) changed_.notify_all();  // it ends some time
  }
  for (auto& [answer, given] : answers) answer(std::move(given));
}

std::vector<OutboxId> WakeupDesk::told() const {
  const base::MutexLock lock(mutex_);
  std::vector<OutboxId> rows;
  rows.reserve(told_.size());
  for (const auto& [task, told] : told_) rows.push_back(told.row);
  return rows;
}

/// Forgets those whose time is over by then; whether there were any.
bool WakeupDesk::forget_told(Duration latest) {
  return std::erase_if(told_, [&](const auto& entry) { return entry.second.until <= latest; }) > 0;
}

Result<std::size_t> WakeupDesk::acknowledge(std::span<const WakeupReceipt> receipts) {
  std::vector<WakeupReceipt> queued;
  bool settled = false;
  {
    const base::MutexLock lock(mutex_);
    for (const WakeupReceipt& receipt : receipts) {
      if (receipt.message_id != kToldMessage) {
        queued.push_back(receipt);
        continue;
      }
      const auto gone = std::erase_if(
          told_, [&](const auto& entry) { return entry.second.row.text() == receipt.receipt; });
      settled = settled || gone > 0;
    }
  }
  if (settled && relay_due_) relay_due_();
  const std::size_t told = receipts.size() - queued.size();
  if (queued.empty()) return told;
  WEIR_TRY(const std::size_t removed, queue_.acknowledge(queued));
  return told + removed;
}

/// Those of a task that is claimed are never asked for: they go when there are too many.
void WakeupDesk::remember(const Messages& given) {
  if (given_.size() + given.size() > kGivenMax) given_.clear();
  for (const ReceivedWakeup& message : given) {
    given_[message.task_id] = {message.message_id, message.receipt};
  }
}

void WakeupDesk::pass_on(const std::string& worker_id, std::span<const TaskId> tasks) {
  std::vector<WakeupReceipt> receipts;
  bool untold = false;
  {
    const base::MutexLock lock(mutex_);
    for (const TaskId& task : tasks) {
      note_unsuited(worker_id, task);
      untold = told_.erase(task) > 0 || untold;
      const auto found = given_.find(task);
      if (found == given_.end()) continue;
      receipts.push_back(std::move(found->second));
      given_.erase(found);
    }
  }
  if (untold && relay_due_) relay_due_();
  if (!receipts.empty() && queue_.release(receipts).ok()) ring();
}

void WakeupDesk::note_unsuited(const std::string& worker_id, const TaskId& task) {
  const Duration now = clock_.monotonic();
  if (unsuited_.size() >= kUnsuitedMax) {
    std::erase_if(unsuited_, [&](const auto& entry) { return entry.second <= now; });
    if (unsuited_.size() >= kUnsuitedMax) {
      unsuited_.erase(
          std::ranges::min_element(unsuited_, {}, [](const auto& entry) { return entry.second; }));
    }
  }
  unsuited_[{worker_id, task}] = now + kUnsuitedFor;
}

void WakeupDesk::give_up(Ticket ticket) {
  Answer answer;
  {
    const base::MutexLock lock(mutex_);
    if (const auto taken = taken_.find(ticket); taken != taken_.end()) {
      taken->second.given_up = true;
      return;
    }
    const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
    if (found == parked_.end()) return;
    answer = std::move(found->answer);
    parked_.erase(found);
  }
  answer(std::vector<ReceivedWakeup>{});
}

bool WakeupDesk::any() const {
  const base::MutexLock lock(mutex_);
  return !stopping_ && std::ranges::any_of(parked_, is_claim);
}

std::optional<WaitingClaim> WakeupDesk::take(const QueueName& queue) {
  const base::MutexLock lock(mutex_);
  if (stopping_) return std::nullopt;
  const auto found = std::ranges::find_if(parked_, [&](const Parked& parked) {
    return is_claim(parked) && std::ranges::find(parked.queues, queue) != parked.queues.end();
  });
  if (found == parked_.end()) return std::nullopt;
  WaitingClaim waiting{
      .ticket = found->ticket, .claim = *found->claim, .queues = found->queues, .max = found->max};
  taken_.emplace(found->ticket, std::move(*found));
  parked_.erase(found);
  return waiting;
}

/// To the place where it stood. Its wait may be over by now, or something have come for it.
void WakeupDesk::give_back(std::uint64_t ticket) {
  Answer answer;
  {
    const base::MutexLock lock(mutex_);
    auto taken = taken_.extract(ticket);
    if (taken.empty()) return;
    Parked& parked = taken.mapped();
    if (parked.given_up || stopping_) {
      answer = std::move(parked.answer);
    } else {
      const auto behind =
          std::ranges::find_if(parked_, [&](const Parked& other) { return other.ticket > ticket; });
      parked_.insert(behind, std::move(parked));
      rung_ = true;
      changed_.notify_all();
    }
  }
  if (answer) answer(std::vector<ReceivedWakeup>{});
}

void WakeupDesk::answer(std::uint64_t ticket, Result<ClaimAnswer> answer) {
  Claimed claimed;
  {
    const base::MutexLock lock(mutex_);
    auto taken = taken_.extract(ticket);
    if (taken.empty()) return;
    claimed = std::move(taken.mapped().claimed);
  }
  claimed(std::move(answer));
}

void WakeupDesk::ring() {
  const base::MutexLock lock(mutex_);
  ++rings_;
  if (parked_.empty()) return;
  rung_ = true;
  changed_.notify_all();
}

std::size_t WakeupDesk::parked() const {
  const base::MutexLock lock(mutex_);
  return parked_.size();
}

std::vector<WakeupDesk::Parked> WakeupDesk::take_due() {
  const base::MutexLock lock(mutex_);
  const Duration now = clock_.monotonic();
  std::vector<Parked> due;
  for (auto at = parked_.begin(); at != parked_.end();) {
    if (at->until > now && !stopping_) {
      ++at;
      continue;
    }
    due.push_back(std::move(*at));
    at = parked_.erase(at);
  }
  return due;
}

/// Gives messages to the parked requests, the longest waiting first. Each is looked up for its own
/// queues; one that finds nothing stays.
void WakeupDesk::serve() {
  std::vector<Ticket> tickets;
  {
    const base::MutexLock lock(mutex_);
    for (const Parked& parked : parked_) tickets.push_back(parked.ticket);
  }
  for (const Ticket ticket : tickets) {
    std::string worker_id;
    std::vector<QueueName> queues;
    std::size_t max = 0;
    std::uint64_t rings = 0;
    {
      const base::MutexLock lock(mutex_);
      const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
      if (found == parked_.end() || known_empty(found->queues)) continue;
      rings = rings_;
      worker_id = found->worker_id;
      queues = found->queues;
      max = found->max;
    }
    auto messages = ask(worker_id, queues, max, rings);
    if (!messages.ok() || messages->empty()) continue;
    Answer answer;
    {
      const base::MutexLock lock(mutex_);
      const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
      if (found != parked_.end()) {
        answer = std::move(found->answer);
        parked_.erase(found);
      }
    }
    if (answer) {
      answer(std::move(messages));
    } else {
      deliver(*std::move(messages));  // gone meanwhile: they are for others
    }
  }
}

/// When the first wait is over, or what was told is no longer left alone.
std::optional<Duration> WakeupDesk::next_end() const {
  std::optional<Duration> next;
  for (const Parked& parked : parked_) next = next ? std::min(*next, parked.until) : parked.until;
  for (const auto& [task, told] : told_) next = next ? std::min(*next, told.until) : told.until;
  return next;
}

void WakeupDesk::run() {
  while (true) {
    bool rung = false;
    bool stopping = false;
    bool untold = false;
    {
      const base::MutexLock lock(mutex_);
      while (!rung_ && !stopping_) {
        const auto next = next_end();
        if (!next) {
          changed_.wait(mutex_);
          continue;
        }
        const Duration left = *next - clock_.monotonic();
        if (left <= Duration::zero()) break;
        changed_.wait_for(mutex_, left);
      }
      rung = std::exchange(rung_, false);
      stopping = stopping_;
      untold = forget_told(clock_.monotonic());
    }
    if (untold && relay_due_) relay_due_();
    for (Parked& parked : take_due()) parked.answer(std::vector<ReceivedWakeup>{});
    if (stopping) return;
    if (rung) serve();
  }
}

}  // namespace weir::dispatcher
