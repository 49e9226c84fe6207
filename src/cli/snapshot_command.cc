// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/graph_flags.h"
#include "cli/snapshot.h"

namespace weir::cli {
namespace {

struct SnapshotFlags {
  std::string file;
  std::string snapshot = "dag.snapshot.json";
  bool freeze = false;
  bool verify = false;
};

void tell(const Session& session, const std::string& text, const char* name,
          const nlohmann::ordered_json& value) {
  if (!session.json()) {
    print_out(text + "\n");
    return;
  }
  nlohmann::ordered_json line;
  line[name] = value;
  print_out(line.dump() + "\n");
}

int verify(const Session& session, const SnapshotFlags& flags, const std::string& hash) {
  const auto unreadable = [&flags](const Error& error) {
    print_error("Failed to read snapshot " + flags.snapshot + ": " + error.message() + "\n");
    return kExitFailed;
  };
  const Result<std::string> text = read_text_file(flags.snapshot);
  if (!text.ok()) return unreadable(text.error());
  const Result<std::string> frozen = snapshot_hash(*text);
  if (!frozen.ok()) return unreadable(frozen.error());
  if (*frozen != hash) {
    print_error("Snapshot mismatch\n" + flags.snapshot + " holds " + *frozen + ",\n" + flags.file +
                " is " + hash + "; freeze it anew if the change is meant.\n");
    return kExitFailed;
  }
  tell(session, "Snapshot OK", "snapshot_ok", true);
  return kExitOk;
}

int run_snapshot(const Session& session, const SnapshotFlags& flags) {
  const auto text = read_graph_file(flags.file);
  if (!text) return kExitFailed;
  const Result<DagSnapshot> snapshot = make_snapshot(*text);
  if (!snapshot.ok()) {
    print_error("Invalid DAG JSON: " + flags.file + ": " + snapshot.error().message() + "\n");
    return kExitFailed;
  }
  if (flags.verify) return verify(session, flags, snapshot->hash);
  if (flags.freeze) {
    if (const auto written = write_text_file(flags.snapshot, snapshot->frozen); !written.ok()) {
      print_error("Failed to write snapshot " + written.error().message() + "\n");
      return kExitFailed;
    }
  }
  tell(session, snapshot->hash, "dag_hash", snapshot->hash);
  return kExitOk;
}

}  // namespace

void add_snapshot(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "snapshot", "Print a graph file's hash; freeze it, or verify that it did not change");
  command->footer(
      "Exit code: 0; 1 if the file is not JSON, or the snapshot is unreadable or another.");
  auto flags = std::make_shared<SnapshotFlags>();
  add_file_flag(*command, flags->file);
  command->add_option("--snapshot", flags->snapshot, "File of the snapshot")
      ->capture_default_str()
      ->type_name("FILE");
  CLI::Option* freeze = command->add_flag("--freeze", flags->freeze, "Write the snapshot");
  command->add_flag("--verify", flags->verify, "Compare the file with the snapshot")
      ->excludes(freeze);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_snapshot(session, *flags); };
  });
}

}  // namespace weir::cli
