// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/client/target_flag.h"
#include "cli/console/console.h"
#include "cli/traffic/commands.h"
#include "cli/traffic/message_text.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct HitFlags {
  std::string state;
  std::string id;
  std::string note;
  std::string target = kTargetDefault;
};

void print_hit(const Session& session, const wire::CrossContextHit& hit) {
  print_out(session.json() ? hit_json(hit) : hit_line(hit));
}

int hits_failed(const Error& error, const HitFlags& flags) {
  print_error(describe_fault(error, flags.target) + "\n");
  return kExitFailed;
}

int run_list(const Session& session, const HitFlags& flags) {
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  const auto hits = client.list_hits(flags.state);
  if (!hits.ok()) return hits_failed(hits.error(), flags);
  for (const wire::CrossContextHit& hit : hits->hits()) print_hit(session, hit);
  return kExitOk;
}

int run_ack(const Session& session, const HitFlags& flags) {
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  wire::AckCrossContextHitRequest request;
  request.set_hit_id(flags.id);
  request.set_note(flags.note);
  const auto hit = client.acknowledge_hit(request);
  if (!hit.ok()) return hits_failed(hit.error(), flags);
  print_hit(session, *hit);
  return kExitOk;
}

}  // namespace

void add_cross_context(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand(
      "cross-context", "Reuses across compute contexts: while one is open, no weight rises");
  group->require_subcommand(1);
  auto flags = std::make_shared<HitFlags>();

  CLI::App* list = group->add_subcommand("list", "The newest 1,000, newest first");
  list->add_option("--state", flags->state, "Only these: open or acked")
      ->check(CLI::IsMember({"open", "acked"}).description(""))
      ->type_name("STATE");
  add_target_flag(*list, flags->target);
  list->callback([&session, flags] {
    session.action = [&session, flags] { return run_list(session, *flags); };
  });

  CLI::App* ack = group->add_subcommand("ack", "Clear one whose cause is mended");
  ack->add_option("id", flags->id, "The hit")->required()->type_name("ID");
  ack->add_option("--note", flags->note, "What was found and done")->required()->type_name("TEXT");
  add_target_flag(*ack, flags->target);
  ack->callback([&session, flags] {
    session.action = [&session, flags] { return run_ack(session, *flags); };
  });
}

}  // namespace weir::cli
