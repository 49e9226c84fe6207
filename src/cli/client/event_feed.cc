// SPDX-License-Identifier: Apache-2.0
#include "cli/client/event_feed.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/json.h"
#include "cli/client/limits.h"
#include "cli/client/user_api_client.h"

namespace weir::cli {
namespace {

/// Where a call ends on purpose; never seen outside.
constexpr const char* kEnough = "enough";

std::optional<std::int64_t> read_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::int64_t oldest_of(const std::string& data) {
  const auto document = base::JsonDocument::parse(data);
  if (!document.ok()) return 0;
  return read_number(document->root().find("oldest").text()).value_or(0);
}

}  // namespace

Result<void> FeedReader::add(std::string_view bytes) {
  text_ += bytes;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text_.find("\n\n", std::max(begin, searched_));
    if (end == std::string::npos) break;
    WEIR_CHECK(add_block(std::string_view(text_).substr(begin, end - begin)));
    begin = searched_ = end + 2;
  }
  text_.erase(0, begin);
  searched_ = text_.empty() ? 0 : text_.size() - 1;
  if (text_.size() > kEventBytesMax) {
    return Error(Code::DataLoss, "bad_event_stream", "an event is longer than it may be");
  }
  return {};
}

Result<void> FeedReader::add_block(std::string_view block) {
  FeedEvent event;
  while (!block.empty()) {
    const std::string_view line = block.substr(0, block.find('\n'));
    block.remove_prefix(std::min(line.size() + 1, block.size()));
    const std::string_view name = line.substr(0, line.find(':'));
    std::string_view value = line.substr(std::min(name.size() + 1, line.size()));
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "id") {
      event.number = read_number(value);
      if (!event.number) {
        return Error(Code::DataLoss, "bad_event_stream", "an event's id is no number");
      }
    }
    if (name == "event") event.type = value;
    if (name == "data") event.data = value;
    if (name.empty()) event.data = value;
  }
  return take_(std::move(event));
}

Result<std::unique_ptr<EventFeed>> EventFeed::create(const std::string& url, Clock& clock) {
  http::HttpClientConfig config;
  config.base = url;
  config.connections_max = 1;
  config.total_timeout = kEventsCallMax;
  WEIR_TRY(auto http, http::HttpClient::create(std::move(config), clock));
  return std::unique_ptr<EventFeed>(new EventFeed(std::move(http), clock));
}

Result<void> EventFeed::run(FeedRequest request, const Calls& calls) {
  Duration wait = kEventsWaitFirst;
  Duration gone_since = clock_.monotonic();
  bool ever_reached = false;
  while (true) {
    bool reached = false;
    std::string why;
    WEIR_TRY(const End end, read_once(request, calls, reached, why));
    if (end == End::Done) return {};
    if (reached) {
      ever_reached = true;
      wait = kEventsWaitFirst;
      gone_since = clock_.monotonic();
    }
    if (!ever_reached || clock_.monotonic() - gone_since > kEventsGoneMax) {
      return base::unavailable("unreachable", why);
    }
    calls.again(why);
    clock_.sleep_for(wait);
    wait = std::min(wait * 2, kEventsWaitMax);
  }
}

Result<EventFeed::End> EventFeed::read_once(FeedRequest& request, const Calls& calls, bool& reached,
                                            std::string& why) {
  ApiPath path("/v1/events/stream");
  if (request.after) path.query("after", std::to_string(*request.after));
  path.query("types", request.types).query("world", request.world);
  FeedReader reader([&](const FeedEvent& event) -> Result<void> {
    if (event.type.empty()) {
      if (event.data == "up to date" && !request.follow) {
        return Error(Code::Cancelled, kEnough, "there is no more");
      }
      return {};
    }
    if (event.type == "reset") {
      const std::int64_t oldest = oldest_of(event.data);
      calls.reset(oldest);
      request.after = oldest - 1;
      return {};
    }
    WEIR_CHECK(calls.event(event));
    if (event.number) request.after = event.number;
    return {};
  });
  http::Call call;
  call.path = path.text();
  call.headers.push_back({"Accept", "text/event-stream"});
  call.sink = [&](std::string_view bytes) {
    reached = true;
    return reader.add(bytes);
  };
  const auto reply = http_->request(call);
  if (reply.ok() && reply->status == 200) {
    reached = true;
    why = "the server ended the stream";
    return End::Cut;
  }
  if (reply.ok()) {
    const Error refusal = problem_of({reply->status, reply->body});
    if (reply->status != 503) return refusal;
    why = refusal.reason() + ": " + refusal.message();
    return End::Cut;
  }
  const Error& error = reply.error();
  if (error.reason() == kEnough) return End::Done;
  const bool cut = error.reason() == "http_unreachable" || error.reason() == "http_reply_lost" ||
                   error.reason() == "http_timeout";
  if (!cut) return error;
  why = error.message();
  return End::Cut;
}

}  // namespace weir::cli
