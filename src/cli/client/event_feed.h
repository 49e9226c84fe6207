// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/http/http_client.h"

namespace weir::cli {

/// One thing that a stream of server-sent events says.
struct FeedEvent {
  std::optional<std::int64_t> number;  ///< nothing: the event has no place in the stream
  std::string type;                    ///< empty: a comment
  std::string data;
};

/// Takes a stream apart (WHATWG HTML, section 9.2). A block that was cut off is not told.
class FeedReader {
 public:
  explicit FeedReader(std::function<Result<void>(FeedEvent)> take) : take_(std::move(take)) {}

  /// The next bytes. DATA_LOSS `bad_event_stream`, or what the taker fails with.
  Result<void> add(std::string_view bytes);

 private:
  Result<void> add_block(std::string_view block);

  std::function<Result<void>(FeedEvent)> take_;
  std::string text_;
  std::size_t searched_ = 0;  // of the text: no block ends before it
};

/// What a follower asks for.
struct FeedRequest {
  std::optional<std::int64_t> after;  ///< nothing: what comes from now on
  std::string types;                  ///< comma list; empty: all
  std::string world;                  ///< empty: all
  bool follow = false;                ///< else it ends with what there is
};

/// Follows the control events of a DAG manager (contract section 1.3) over one connection after the
/// other: each goes on after the last event that was had.
class EventFeed {
 public:
  struct Calls {
    /// Each event, in order, once. Its error ends the feed.
    std::function<Result<void>(const FeedEvent& event)> event;
    /// The events up to `oldest` are gone: the state has to be read anew.
    std::function<void(std::int64_t oldest)> reset;
    /// The connection is made anew, and why.
    std::function<void(const std::string& why)> again;
  };

  /// `url`: "http://localhost:8001". INVALID_ARGUMENT `bad_base`. `clock` outlives the feed.
  static Result<std::unique_ptr<EventFeed>> create(const std::string& url, Clock& clock);

  /// Until there is no more (without `follow`), the server refuses, or it is gone for
  /// kEventsGoneMax; at once if it was never reached. UNAVAILABLE `unreachable`, the server's own
  /// refusals, the taker's error.
  Result<void> run(FeedRequest request, const Calls& calls);

 private:
  /// One connection's end.
  enum class End : std::uint8_t { Done, Cut };

  EventFeed(std::unique_ptr<http::HttpClient> http, Clock& clock)
      : http_(std::move(http)), clock_(clock) {}
  Result<End> read_once(FeedRequest& request, const Calls& calls, bool& reached, std::string& why);

  std::unique_ptr<http::HttpClient> http_;
  Clock& clock_;
};

}  // namespace weir::cli
