// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/tasks/json_cells.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/local_config.h"
#include "drivers/duckdb/library.h"
#include "server/auth/secret_file.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using dispatcher::ServiceRole;

constexpr int kServerVersionMin = 150000;

std::string milliseconds(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) +
         " ms";
}

void examine_clock(postgres::Connection& session, Clock& clock, std::vector<Finding>& findings) {
  const Instant before = clock.now();
  const auto rows = session.execute("SELECT clock_timestamp()");
  if (!rows.ok()) return;
  const Instant after = clock.now();
  const Duration offset = std::chrono::abs(rows->instant(0, 0) - (before + (after - before) / 2));
  Finding finding{.subject = "clock",
                  .detail = milliseconds(offset) + " between this machine and the database"};
  if (offset > kClockWarn) {
    finding.health = offset > kClockFail ? Health::Fail : Health::Warn;
    finding.remedy = "let both follow the same time (chrony, systemd-timesyncd)";
  }
  findings.push_back(std::move(finding));
}

void examine_queue(postgres::Connection& session, std::vector<Finding>& findings) {
  const auto rows = session.execute(
      "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(t.woken_at)), "
      "0)::float8"
      " FROM state.tasks t WHERE t.state = 'queued' AND t.woken_at IS NOT NULL");
  if (!rows.ok()) {
    findings.push_back({"queue", Health::Fail, rows.error().describe(), "see the line above"});
    return;
  }
  const auto oldest = static_cast<std::int64_t>(rows->number(0, 1));
  Finding finding{.subject = "queue",
                  .detail = grouped(rows->int64(0, 0)) + " wake-ups outstanding, the oldest " +
                            std::to_string(oldest) + " s"};
  if (oldest > kQueueWarn.count()) {
    finding.health = Health::Warn;
    finding.remedy = "start workers for these operators, or give them more --slots";
  }
  findings.push_back(std::move(finding));
}

/// Sources of open builds that should have fired: nobody does it, or their schedule cannot be read.
void examine_sources(postgres::Connection& session, std::vector<Finding>& findings) {
  const auto rows = session.execute(
      "SELECT count(*), coalesce(min(b.dag_name || '/' || b.job_name), '')"
      " FROM state.source_state s JOIN state.builds b USING (build_id)"
      " WHERE s.kind = 'cron' AND s.enabled AND b.dispatch = 'open'"
      " AND s.next_fire_at < clock_timestamp() - make_interval(secs => $1)",
      postgres::Params().number(static_cast<double>(kSourceWarn.count())));
  if (!rows.ok()) {
    findings.push_back({"sources", Health::Fail, rows.error().describe(), "see the line above"});
    return;
  }
  if (rows->int64(0, 0) == 0) return;
  findings.push_back({"sources", Health::Warn,
                      grouped(rows->int64(0, 0)) + " cron sources are due and do not fire, first " +
                          std::string(rows->text(0, 1)),
                      "see the dispatcher's log; a schedule that it cannot read needs another"
                      " version of the DAG"});
}

/// One schema's database; the session, if it can be worked with.
std::unique_ptr<postgres::Connection> examine_database(const std::string& dsn, const char* schema,
                                                       std::vector<Finding>& findings) {
  const std::string subject = std::string("database ") + schema;
  auto session = connect_as(dsn, ServiceRole::Dispatcher);
  if (!session.ok()) {
    findings.push_back(
        {subject, Health::Fail, session.error().describe(),
         "start it (`weir up`), or start the dispatcher once, which makes the roles"});
    return nullptr;
  }
  const int version = (*session)->server_version();
  const bool is_old = version < kServerVersionMin;
  findings.push_back(
      {subject, is_old ? Health::Fail : Health::Ok,
       "PostgreSQL " + std::to_string(version / 10000) + "." + std::to_string(version % 10000),
       is_old ? "take PostgreSQL 15 or newer" : ""});
  const auto faults = dispatcher::check_service_session(**session, schema);
  if (!faults.ok()) {
    findings.push_back({subject, Health::Fail, faults.error().describe(), "see the line above"});
    return nullptr;
  }
  for (const dispatcher::StartFault& fault : *faults) {
    findings.push_back({subject, Health::Fail, fault.what, fault.mend});
  }
  if (faults->empty()) {
    findings.push_back(
        {subject, Health::Ok, "commits are durable, rows are guarded by organisation", ""});
  }
  return *std::move(session);
}

Finding examine_folder(const std::string& subject, const fs::path& path, int wanted) {
  Finding finding{.subject = subject, .detail = path.string()};
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return {subject, Health::Fail, path.string() + " is no folder", "mkdir -p " + path.string()};
  }
  if (access(path.c_str(), wanted) == 0) return finding;
  finding.health = Health::Fail;
  finding.detail += wanted == R_OK ? " cannot be read" : " cannot be written";
  finding.remedy = "give its rights to the user that runs the roles";
  return finding;
}

const char* word_of(Health health) {
  switch (health) {
    case Health::Ok:
      return "ok";
    case Health::Warn:
      return "warn";
    case Health::Fail:
      return "fail";
  }
  return "fail";
}

}  // namespace

std::vector<Finding> examine_databases(const dispatcher::DispatcherConfig& config, Clock& clock) {
  std::vector<Finding> findings;
  const auto state = examine_database(config.state_dsn, "state", findings);
  const auto data = examine_database(data_dsn_of(config), "data", findings);
  if (!state) return findings;
  examine_clock(*state, clock, findings);
  const auto named = state->execute("SELECT set_config('weir.org', '*', false)");
  if (!named.ok()) return findings;
  examine_queue(*state, findings);
  examine_sources(*state, findings);
  return findings;
}

std::vector<Finding> examine_folders(const dispatcher::DispatcherConfig& config) {
  std::vector<Finding> findings = {
      examine_folder("object root", config.object_root, R_OK | W_OK | X_OK)};
  if (config.ingest_roots.empty()) {
    findings.push_back({"ingest roots", Health::Ok, "none: table_ingest reads no files", ""});
  }
  for (const auto& [name, folder] : config.ingest_roots) {
    findings.push_back(examine_folder("ingest root " + name, folder, R_OK));
  }
  return findings;
}

std::vector<Finding> examine_secrets(const dispatcher::DispatcherConfig& config) {
  std::vector<Finding> findings;
  const std::vector<std::pair<std::string, std::string>> files = {
      {"worker token", config.worker_token_file},
      {"capability key", config.capability_key_file},
      {"issuer key", config.issuer_key_file},
      {"user token", config.user_token_file}};
  for (const auto& [subject, file] : files) {
    if (file.empty()) continue;
    const auto content = auth::read_secret_file(file);
    if (content.ok()) {
      findings.push_back({subject, Health::Ok, file + " is its owner's alone", ""});
    } else if (content.error().reason() == "file_missing") {
      findings.push_back({subject, Health::Warn, file + " is not there",
                          "start the dispatcher: it makes the file"});
    } else {
      findings.push_back({subject, Health::Fail, content.error().describe(), "chmod 600 " + file});
    }
  }
  return findings;
}

std::vector<Finding> examine_operators() {
  std::vector<Finding> findings;
  const char* named = std::getenv("WEIR_DUCKDB_LIBRARY");
  const auto library = duckdb::find_library(named == nullptr ? "" : named);
  if (library.ok()) {
    findings.push_back({"engine", Health::Ok, "DuckDB at " + *library, ""});
  } else {
    findings.push_back({"engine", Health::Fail, library.error().describe(),
                        "fetch it with scripts/duckdb, or name it in WEIR_DUCKDB_LIBRARY"});
  }
  findings.push_back({"sandbox", Health::Ok,
                      "level process: operators are trusted programs in processes of their own; no "
                      "user code runs in this release",
                      ""});
  return findings;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const std::string word = word_of(finding.health);
    text += word + std::string(6 - word.size(), ' ') + finding.subject + ": " + finding.detail;
    if (!finding.remedy.empty()) text += "; " + finding.remedy;
    text += "\n";
  }
  return text;
}

std::string findings_json(const std::vector<Finding>& findings) {
  JsonTree list = JsonTree::array();
  for (const Finding& finding : findings) {
    list.push_back({{"subject", finding.subject},
                    {"state", word_of(finding.health)},
                    {"detail", finding.detail},
                    {"remedy", finding.remedy}});
  }
  return JsonTree{{"findings", std::move(list)}}.dump(-1, ' ', false,
                                                      JsonTree::error_handler_t::replace) +
         "\n";
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings,
                             [](const Finding& finding) { return finding.health == Health::Fail; });
}

}  // namespace weir::cli
