// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/client/event_feed.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/event_text.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct EventsFlags {
  bool follow = false;
  std::optional<std::int64_t> after;
  std::string types;
  std::string world;
  std::string http = "http://localhost:8001";
};

int run_events(const Session& session, const EventsFlags& flags) {
  server::SystemClock clock;
  auto feed = EventFeed::create(flags.http, clock);
  if (!feed.ok()) {
    print_error("--http: " + feed.error().message() + "\n");
    return kExitUsage;
  }
  // Without --follow: all that is kept.
  const bool all = !flags.after && !flags.follow;
  const Paint paint(out_shows_colours());
  const EventFeed::Calls calls = {
      .event = [&](const FeedEvent& event) -> Result<void> {
        print_out(session.json() ? event.data + "\n" : event_text(event, paint));
        if (out_failed()) return Error(Code::Cancelled, "output_closed", "nobody reads the output");
        return {};
      },
      .reset =
          [&](std::int64_t oldest) {
            if (all) return;
            print_error("reset: the events before " + std::to_string(oldest) +
                        " are gone; read the state anew\n");
          },
      .again = [](const std::string& why) { print_error("connecting again: " + why + "\n"); },
  };
  const Result<void> read =
      (*feed)->run({.after = all ? std::optional<std::int64_t>(0) : flags.after,
                    .types = flags.types,
                    .world = flags.world,
                    .follow = flags.follow},
                   calls);
  if (read.ok() || read.error().reason() == "output_closed") return kExitOk;
  print_error(flags.http + ": " + read.error().describe() + "\n");
  return kExitFailed;
}

}  // namespace

void add_events(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "events", "Show the control events that are kept, or follow them as they come");
  command->footer(
      "With --output json one envelope a line. A follower whose connection is cut comes back and "
      "goes on after the last event it had.");
  auto flags = std::make_shared<EventsFlags>();
  command->add_flag("--follow,-f", flags->follow, "Go on with what comes, until interrupted");
  command
      ->add_option("--after", flags->after,
                   "Begin after the event of this number (default: with --follow what comes from "
                   "now on, else all that are kept)")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N");
  command
      ->add_option("--types", flags->types,
                   "Only these, with commas: queue_updated, queue_lifecycle, "
                   "sentinel_weight_updated")
      ->type_name("TYPES");
  command->add_option("--world", flags->world, "Only events of this world")->type_name("WORLD");
  command->add_option("--http", flags->http, "The server's HTTP address")
      ->capture_default_str()
      ->envname("WEIR_HTTP")
      ->type_name("URL");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_events(session, *flags); };
  });
}

}  // namespace weir::cli
