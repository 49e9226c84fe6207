// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/cleanup_service.h"

#include <cstddef>

#include "base/json.h"
#include "base/json_line.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

constexpr std::size_t kTriggerBytesMax = std::size_t{64} << 10;

}  // namespace

Result<std::optional<GcReport>> CleanupService::cleanup(const std::string& id,
                                                        const std::string& actor) {
  WEIR_TRY(const std::size_t ended,
           parts_.life.end_deploys({.id = id, .actor = actor, .at = parts_.clock.now()}));
  server::log().info("cleanup", {{"id", id}, {"ended", ended}, {"actor", actor}});
  const std::optional<LoopFence> fence = parts_.held();
  if (!fence) return std::optional<GcReport>();
  auto report = parts_.collector.run_if_idle(*fence);
  if (!report.ok()) {
    server::log().warning(
        "a pass over queues failed; the loop tries again",
        {{"reason", report.error().reason()}, {"error", report.error().message()}});
    return std::optional<GcReport>();
  }
  if (*report) {
    tell(**report);
  } else {
    parts_.nudge();
  }
  return *std::move(report);
}

Result<void> CleanupService::pass(const LoopFence& fence) {
  WEIR_TRY(const GcReport report, parts_.collector.run_once(fence));
  tell(report);
  return {};
}

void CleanupService::tell(const GcReport& report) const {
  parts_.passed(report);
  if (report.candidates == 0) return;
  server::log().info("queues that nothing holds are past their time",
                     {{"orphans", report.observed},
                      {"candidates", report.candidates},
                      {"collected", report.processed.size()}});
}

std::optional<std::string> read_gc_trigger(const std::string& body) {
  const auto document = base::JsonDocument::parse(body, {.bytes_max = kTriggerBytesMax});
  if (!document.ok() || !document->root().is_object()) return std::nullopt;
  const base::JsonValue id = document->root().find("id");
  if (!id.is_text() || id.text().empty()) return std::nullopt;
  return std::string(id.text());
}

std::string gc_trigger_json(const std::optional<GcReport>& report) {
  std::string out;
  JsonLine object(out);
  object.key("processed");
  base::append_json_list(
      out, report ? report->processed : std::vector<GcItem>(),
      [&](const GcItem& item) { base::append_json_text(out, item.queue.view()); });
  object.raw("report", report ? report_json(*report) : "null");
  object.end();
  return out + '\n';
}

}  // namespace weir::dagmanager
