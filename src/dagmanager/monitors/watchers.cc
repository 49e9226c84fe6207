// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/watchers.h"

#include <utility>

#include "dagmanager/monitors/limits.h"

namespace weir::dagmanager {

Watchers::Watchers(Parts parts)
    : parts_(std::move(parts)),
      own_loop_(parts_.clock),
      own_alerts_(own_loop_),
      health_({.shared = parts_.alerts,
               .own = own_alerts_,
               .graph = parts_.graph,
               .broker = parts_.broker,
               .figures = parts_.figures,
               .clock = parts_.clock,
               .instance = parts_.instance}),
      watch_thread_(parts_.clock) {}

Result<std::unique_ptr<Watchers>> Watchers::create(Parts parts) {
  std::unique_ptr<Watchers> watchers(new Watchers(std::move(parts)));
  // Nobody else asks for this row, so its fence holds for good.
  const std::vector<LoopClaim> claims = {{kHealthLoop}};
  WEIR_TRY(const auto rows, watchers->own_loop_.renew(watchers->parts_.instance, claims));
  watchers->own_fence_ = {kHealthLoop, rows.front().fence};
  WEIR_CHECK(watchers->add_senders());
  watchers->add_desks();
  return watchers;
}

Result<void> Watchers::add_senders() {
  for (AlertRoute route : parts_.routes) {
    route.source = "weir";
    WEIR_TRY(auto sender,
             AlertSender::create(std::move(route), {parts_.clock, parts_.log, parts_.notices}));
    senders_.push_back(std::move(sender));
  }
  return {};
}

void Watchers::add_desks() {
  AlertDesk::Parts desk{.store = own_alerts_,
                        .clock = parts_.clock,
                        .random = parts_.random,
                        .log = parts_.log,
                        .senders = {},
                        .wake = [this] { watch_thread_.nudge(); }};
  for (const auto& sender : senders_) desk.senders.push_back(sender.get());
  own_desk_ = std::make_unique<AlertDesk>(desk);
  AlertDesk::Parts shared{.store = parts_.alerts,
                          .clock = parts_.clock,
                          .random = parts_.random,
                          .log = parts_.log,
                          .senders = desk.senders,
                          .wake = [this] { loop_->nudge(); }};
  desk_ = std::make_unique<AlertDesk>(std::move(shared));
  loop_ = std::make_unique<PeriodicLoop>(PeriodicLoop::Parts{
      .keeper = parts_.keeper,
      .clock = parts_.clock,
      .log = parts_.log,
      .observer = parts_.loops,
      .loop = kHealthLoop,
      .period = kHealthIdle,
      .work = [this](const LoopFence& fence) { return desk_->run_once(fence); }});
}

void Watchers::start() {
  for (const auto& sender : senders_) sender->start();
  own_desk_->start();
  desk_->start();
  loop_->start();
  watch_thread_.start(parts_.clock.monotonic(),
                      [this] { return watch() + parts_.clock.monotonic(); });
}

void Watchers::stop() {
  for (const auto& sender : senders_) sender->stop();
  watch_thread_.stop();
  if (loop_) loop_->stop();
  if (own_desk_) own_desk_->stop();
  if (desk_) desk_->stop();
}

/// One look, and a pass over this instance's own alerts; gives in what time the next is due.
Duration Watchers::watch() {
  const auto looked = health_.look();
  if (looked.ok() && *looked) loop_->nudge();  // if it is this instance that makes alerts of it
  if (!looked.ok()) {
    parts_.log.warning("a fault that was seen could not be written down and is said again",
                       {{"error", looked.error().describe()}});
  }
  if (const auto passed = own_desk_->run_once(own_fence_); !passed.ok()) {
    parts_.log.warning("this instance's own alerts", {{"error", passed.error().describe()}});
  }
  return kHealthEvery;
}

std::vector<const server::Breaker*> Watchers::breakers() const {
  std::vector<const server::Breaker*> breakers;
  breakers.reserve(senders_.size());
  for (const auto& sender : senders_) breakers.push_back(&sender->breaker());
  return breakers;
}

}  // namespace weir::dagmanager
