// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dispatcher/core/ids.h"

/// Concurrent requests of one kind share calls of a store (contract section 6.1, "Transactions are
/// shared"): what waits when a slot becomes free is one call.
namespace weir::dispatcher {

/// Bounds of one call: items (tasks of claims), and events.
inline constexpr std::size_t kGatherItemsMax = 256;
inline constexpr std::size_t kGatherEventsMax = 1000;
/// Calls of one kind at once; each takes a session of the pool.
inline constexpr std::size_t kGatherCallsMax = 2;
/// Requests that wait for a slot; further ones are refused.
inline constexpr std::size_t kGatherWaitingMax = 8192;
/// How often a call is made again whose outcome is not known, and a request alone that met a
/// conflict.
inline constexpr int kGatherTriesMax = 3;
/// Requests in a row that run alone and find no database; after these the rest of a failed call is
/// not tried.
inline constexpr int kGatherUnavailableMax = 2;

/// What a request takes of a call.
struct GatherSize {
  std::size_t items = 1;
  std::size_t events = 0;
};

struct GatherLimits {
  std::size_t items_max = kGatherItemsMax;
  std::size_t events_max = kGatherEventsMax;
  std::size_t calls_max = kGatherCallsMax;
  std::size_t waiting_max = kGatherWaitingMax;
};

/// The line of requests and the slots of calls, without what a request is. There is no thread: a
/// caller whose request waits makes the next call for all that waits, its own or not, as soon as a
/// slot is free. Any thread. Only for Gather.
class GatherLine {
 public:
  /// One caller, until everything it asked for is answered.
  struct Caller {
    std::size_t unanswered = 0;
    bool waiting = false;  ///< asleep; may be woken to make a call
    base::CondVar wake;
  };
  struct Entry {
    Caller* caller = nullptr;
    std::size_t number = 0;  ///< of the request among the caller's
    std::vector<TaskId> names;
    GatherSize size;
    void* request = nullptr;
  };

  explicit GatherLine(GatherLimits limits) : limits_(limits) {}

  /// Puts all of them in line, or none: RESOURCE_EXHAUSTED `overloaded` if the line is full,
  /// UNAVAILABLE `unavailable` once it was stopped.
  Result<void> enter(std::vector<Entry> entries) WEIR_EXCLUDES(mutex_);
  /// Waits until there is a call for the caller to make, and gives its entries; nothing once all
  /// that the caller asked for is answered.
  std::vector<Entry> next_call(Caller& caller) WEIR_EXCLUDES(mutex_);
  /// The call is over, its entries are answered.
  void end_call(const std::vector<Entry>& entries) WEIR_EXCLUDES(mutex_);
  /// Takes nothing more; returns when everything taken is answered.
  void stop() WEIR_EXCLUDES(mutex_);

 private:
  std::vector<Entry> take() WEIR_REQUIRES(mutex_);
  void wake_next() WEIR_REQUIRES(mutex_);

  const GatherLimits limits_;
  base::Mutex mutex_;
  base::CondVar idle_;
  std::deque<Entry> line_ WEIR_GUARDED_BY(mutex_);
  std::size_t calls_ WEIR_GUARDED_BY(mutex_) = 0;    // under way
  std::size_t callers_ WEIR_GUARDED_BY(mutex_) = 0;  // inside, not answered yet
  bool stopped_ WEIR_GUARDED_BY(mutex_) = false;
};

/// Gathers requests into calls. A call holds what waits when a slot becomes free, in the order it
/// came, up to the limits; nothing waits for company. Two requests that name one task are in
/// different calls. Request is moved into the call; Reply is its answer, a refusal among them.
///
/// A call that fails as a whole is made again request by request, so that only the guilty one
/// fails. One whose outcome is not known (`commit_unknown`) is made again as it is: every call is
/// idempotent. Any thread.
template <class Request, class Reply>
class Gather {
 public:
  using Call = std::function<Result<std::vector<Reply>>(std::span<const Request>)>;
  using Names = std::function<std::vector<TaskId>(const Request&)>;
  using Size = std::function<GatherSize(const Request&)>;

  /// `names`: the tasks that a request names. `size`: none means one item each.
  Gather(Call call, Names names, Size size = {}, GatherLimits limits = {})
      : call_(std::move(call)), names_(std::move(names)), size_(std::move(size)), line_(limits) {}
  ~Gather() { stop(); }
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  /// One request. Fails as the call did; RESOURCE_EXHAUSTED `overloaded` if too many wait.
  Result<Reply> run(Request request) {
    std::vector<Request> requests;
    requests.push_back(std::move(request));
    return std::move(run_all(std::move(requests)).front());
  }

  /// Several requests, answered in their order. They may travel in several calls.
  std::vector<Result<Reply>> run_all(std::vector<Request> requests) {
    GatherLine::Caller caller;
    caller.unanswered = requests.size();
    Places places(requests.size());
    std::vector<GatherLine::Entry> entries;
    for (std::size_t at = 0; at < requests.size(); ++at) {
      places[at].request = std::move(requests[at]);
      entries.push_back({.caller = &caller,
                         .number = at,
                         .names = names_(places[at].request),
                         .size = size_ ? size_(places[at].request) : GatherSize{},
                         .request = &places[at]});
    }
    const auto entered = line_.enter(std::move(entries));
    if (!entered.ok()) {
      return std::vector<Result<Reply>>(requests.size(), Result<Reply>(entered.error()));
    }
    for (auto batch = line_.next_call(caller); !batch.empty(); batch = line_.next_call(caller)) {
      serve(batch);
      line_.end_call(batch);
    }
    std::vector<Result<Reply>> replies;
    replies.reserve(places.size());
    for (Place& place : places) replies.push_back(std::move(*place.reply));
    return replies;
  }

  /// Takes nothing more; returns when everything taken is answered.
  void stop() { line_.stop(); }

 private:
  struct Place {
    Request request;
    std::optional<Result<Reply>> reply;
  };
  using Places = std::vector<Place>;
  using Replies = Result<std::vector<Reply>>;

  static bool is(const Error& error, Code code, std::string_view reason) {
    return error.code() == code && error.reason() == reason;
  }

  /// The call, made again while its outcome is not known; alone also after a conflict.
  Replies call(std::span<const Request> requests) {
    for (int tries = 1;; ++tries) {
      Replies replies = call_(requests);
      if (replies.ok()) {
        WEIR_ASSERT(replies->size() == requests.size());
        return replies;
      }
      const bool unknown = is(replies.error(), Code::Unavailable, "commit_unknown");
      const bool conflict =
          requests.size() == 1 && is(replies.error(), Code::Aborted, "transaction_conflict");
      if (tries == kGatherTriesMax || !(unknown || conflict)) return replies;
    }
  }

  void serve(const std::vector<GatherLine::Entry>& batch) {
    std::vector<Request> requests;
    requests.reserve(batch.size());
    for (const GatherLine::Entry& entry : batch) {
      requests.push_back(std::move(place_of(entry).request));
    }
    Replies replies = call(requests);
    if (replies.ok() || batch.size() == 1) {
      for (std::size_t at = 0; at < batch.size(); ++at) {
        place_of(batch[at]).reply = replies.ok() ? Result<Reply>(std::move((*replies)[at]))
                                                 : Result<Reply>(replies.error());
      }
      return;
    }
    serve_alone(batch, requests);
  }

  /// One by one, until the database is found to be away.
  void serve_alone(const std::vector<GatherLine::Entry>& batch,
                   const std::vector<Request>& requests) {
    int unavailable = 0;
    std::optional<Error> away;
    for (std::size_t at = 0; at < batch.size(); ++at) {
      if (away) {
        place_of(batch[at]).reply = Result<Reply>(*away);
        continue;
      }
      Replies alone = call(std::span(requests).subspan(at, 1));
      if (alone.ok()) {
        unavailable = 0;
        place_of(batch[at]).reply = Result<Reply>(std::move(alone->front()));
        continue;
      }
      unavailable = is(alone.error(), Code::Unavailable, "unavailable") ? unavailable + 1 : 0;
      if (unavailable == kGatherUnavailableMax) away = alone.error();
      place_of(batch[at]).reply = Result<Reply>(alone.error());
    }
  }

  static Place& place_of(const GatherLine::Entry& entry) {
    return *static_cast<Place*>(entry.request);
  }

  Call call_;
  Names names_;
  Size size_;
  GatherLine line_;
};

}  // namespace weir::dispatcher
