// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/peers.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "drivers/process/spawn.h"

namespace weir::bench {

Result<std::map<std::string, PeerRates>> run_peers(std::size_t tasks, std::size_t rounds) {
  const std::filesystem::path folder = WEIR_PEERS_FOLDER;
  std::error_code ignored;
  std::filesystem::remove(folder / "results.jsonl", ignored);
  const std::string n = std::to_string(tasks);
  // Its table goes to stderr: stdout is this program's own.
  WEIR_TRY(const pid_t child,
           process::spawn_process(
               {.argv = {WEIR_SOURCE_DIR "/bench/tasks/peers/run.sh", folder.string(), "--only",
                         "river,graphile-worker,pg-boss", "--phases", "drain,held", "--rounds",
                         std::to_string(rounds), "--n", n, "--held-n", n},
                .output = STDERR_FILENO}));
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) return base::unavailable("peers_failed", "bench/tasks/peers/run.sh failed");
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> rates;
  std::ifstream file(folder / "results.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("drain_per_s") || row.value("timed_out", false)) continue;
    auto& [free, held] = rates[row.value("peer", "")];
    (row.value("phase", "") == "held" ? held : free).push_back(row.value("drain_per_s", 0.0));
  }
  std::map<std::string, PeerRates> figures;
  for (const auto& [name, measured] : rates) {
    figures[name] = {median(measured.first), median(measured.second)};
  }
  return figures;
}

}  // namespace weir::bench
