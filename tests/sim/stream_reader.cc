// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/stream_reader.h"

#include <simdjson.h>

#include "dagmanager/core/traffic_weights.h"

namespace weir::sim {
namespace {

constexpr std::size_t kKeptMax = 20;

using Element = simdjson::dom::element;

/// Empty where there is none.
std::string member_text(const Element& data, const char* name) {
  std::string_view text;
  return data[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::int64_t revision_of(const Element& data) {
  const std::string etag = member_text(data, "etag");
  return std::stoll(etag.substr(etag.rfind(':') + 1));
}

/// The set and context that an update is of, as query_text writes them.
std::string query_of(const Element& data) {
  return simdjson::minify(data["tags"].value()) + simdjson::minify(data["interval"].value()) +
         member_text(data, "match_mode") + "/" + member_text(data, "world_id") + "/" +
         member_text(data, "execution_domain");
}

}  // namespace

bool StreamReader::read(std::size_t limit) {
  const auto page = log_.read("", last_, limit);
  if (last_ + 1 < page->oldest || last_ > page->newest) {
    reset(page->oldest);
    return true;
  }
  for (const server::StreamEvent& event : page->events) take(event);
  return last_ < page->newest;
}

/// Who fell behind what is kept reads the state anew; here it forgets what it was told.
void StreamReader::reset(std::int64_t oldest) {
  if (last_ >= oldest) found_("the stream is shorter than what was read of it");
  last_ = oldest - 1;
  ++resets_;
  kept_.clear();
  queries_.clear();
  weights_.clear();
  lifecycles_.clear();
  revisions_.clear();
}

void StreamReader::take(const server::StreamEvent& event) {
  if (event.number != last_ + 1) found_("a number was left out, or told twice");
  last_ = event.number;
  const Element envelope = parser_.parse(event.envelope).value();
  const Element data = envelope["data"].value();
  if (!ids_.insert(member_text(envelope, "id")).second) found_("an event's id came twice");
  kept_.push_back(event);
  if (kept_.size() > kKeptMax) kept_.pop_front();
  if (event.type == "sentinel_weight_updated") {
    weights_[member_text(data, "sentinel_id") + "/" + member_text(data, "world_id")] = {
        member_text(data, "sentinel_version"), data["weight"].get_double().value()};
    return;
  }
  if (event.type == "queue_lifecycle") {
    std::int64_t& revision = lifecycles_[member_text(data, "queue")];
    if (revision != 0 && revision_of(data) != revision + 1) found_("a lifecycle out of order");
    revision = revision_of(data);
    return;
  }
  const std::string etag = member_text(data, "etag");  // of all sets of a tag list and interval
  std::int64_t& newest =
      revisions_[simdjson::minify(data["tags"].value()) + etag.substr(0, etag.rfind(':'))];
  if (newest != 0 && revision_of(data) != newest + 1) found_("an answer out of order: " + etag);
  newest = revision_of(data);
  Told& told = queries_[query_of(data)];
  told.revision = revision_of(data);
  told.queues.clear();
  const simdjson::dom::array queues = data["queues"].get_array().value();
  for (const Element queue : queues) {
    told.queues.insert(member_text(queue, "queue"));
  }
}

void StreamReader::read_again() {
  if (kept_.empty()) return;
  const auto page = log_.read("", kept_.front().number - 1, 2);
  if (page->oldest > kept_.front().number) return;
  for (std::size_t i = 0; i < page->events.size() && i < kept_.size(); ++i) {
    if (page->events[i].number != kept_[i].number ||
        page->events[i].envelope != kept_[i].envelope) {
      found_("an event that is read again is another");
    }
  }
}

void StreamReader::compare(const dagmanager::MemoryGraph& graph) const {
  for (const auto& [query, answer] : asked_answers(graph.index)) {
    const auto told = queries_.find(query);
    if (told != queries_.end() && told->second.queues != answer) {
      found_("what was told last of " + query + " is not its answer");
    }
  }
  for (const dagmanager::SentinelRecord& sentinel : graph.sentinels) {
    const auto told = weights_.find(sentinel.id.text() + "/" + sentinel.world.text());
    if (told == weights_.end() || told->second.first != sentinel.version.text()) continue;
    if (!dagmanager::same_weight(told->second.second, sentinel.traffic_weight.value_or(0))) {
      found_("the weight that was told last is not the stored one: " + told->first);
    }
  }
}

}  // namespace weir::sim
