// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_request.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace weir::server {
namespace {

Result<std::int64_t> read_event_id(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || number < 0) {
    return base::invalid_argument("invalid_event_id",
                                  "Last-Event-ID, or `after`, is the number of the last event "
                                  "read: a whole number from 0");
  }
  return number;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return parts;
}

}  // namespace

bool EventRequest::wants(const StreamEvent& event) const {
  if (!world.empty() && event.world != world) return false;
  return types.empty() || std::ranges::find(types, event.type) != types.end();
}

Result<EventRequest> read_event_request(const HttpRequest& request) {
  EventRequest asked;
  // A browser that comes back sends the header, and the address it first used.
  if (const auto header = request.header("last-event-id"); header && !header->empty()) {
    WEIR_TRY(asked.after, read_event_id(*header));
  } else if (const auto after = request.query_value("after")) {
    WEIR_TRY(asked.after, read_event_id(*after));
  }
  asked.types = split_at_commas(request.query_value("types").value_or(""));
  asked.world = request.query_value("world").value_or("");
  return asked;
}

std::string event_block(const StreamEvent& event) {
  return "id: " + std::to_string(event.number) + "\nevent: " + event.type +
         "\ndata: " + event.envelope + "\n\n";
}

std::string reset_block(std::int64_t oldest) {
  return "event: reset\ndata: {\"oldest\":" + std::to_string(oldest) + "}\n\n";
}

}  // namespace weir::server
