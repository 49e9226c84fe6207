// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/commit_log/commands.h"
#include "cli/commit_log/commit_log_row.h"
#include "cli/commit_log/row_memory.h"
#include "cli/console/console.h"
#include "cli/topics/open_store.h"
#include "drivers/kafka/consumer.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

/// A row is waited for as long; what was given until then is done with.
constexpr std::chrono::milliseconds kRowWait{500};
/// Messages after which the group is told, at the latest.
constexpr std::size_t kCommitEvery = 1'000;

struct ConsumeFlags {
  std::string topic;
  bool dedupe = false;
  std::string from = "beginning";
  std::string group;
  std::int64_t max = 0;  ///< 0: no end
  std::string config;
};

/// The cluster of the topics, as the configuration names it; nothing if what is wrong was printed.
std::optional<kafka::ClientOptions> cluster_of(const std::string& file) {
  const auto config = read_dagmanager_config(file);
  if (!config) return std::nullopt;
  if (!config->topics_on_kafka) {
    print_error(
        "topics_dsn names no Kafka cluster, and only there topics have messages: give it "
        "kafka://HOST:PORT\n");
    return std::nullopt;
  }
  return kafka::ClientOptions{.brokers = config->topics_dsn,
                              .properties = config->kafka_properties};
}

/// Prints rows until there are enough of them, a fault ends it, or nobody reads the output.
class RowPrinter {
 public:
  RowPrinter(kafka::Consumer& consumer, const ConsumeFlags& flags)
      : consumer_(consumer), flags_(flags) {}

  Result<void> run() {
    WEIR_CHECK(consumer_.open(flags_.topic));
    while (!is_done()) {
      WEIR_TRY(const auto message, consumer_.next(kRowWait));
      if (message) take(*message);
      if (given_ == kCommitEvery || (!message && given_ > 0)) WEIR_CHECK(commit());
    }
    return commit();
  }

  bool saw_bad() const { return bad_; }

 private:
  bool is_done() const { return out_failed() || (flags_.max > 0 && printed_ >= flags_.max); }

  void take(const kafka::Message& message) {
    ++given_;
    const auto row = read_commit_log_row(message);
    if (!row.ok()) {
      bad_ = true;
      print_error(row.error());
      return;
    }
    if (flags_.dedupe && !seen_.add(identity_of(*row))) return;
    print_out(row_line(*row, message));
    ++printed_;
  }

  /// What nobody could read is given again to whoever comes next.
  Result<void> commit() {
    given_ = 0;
    return out_failed() ? Result<void>() : consumer_.commit();
  }

  kafka::Consumer& consumer_;
  const ConsumeFlags& flags_;
  RowMemory seen_;
  std::int64_t printed_ = 0;
  std::size_t given_ = 0;  // since the group was told
  bool bad_ = false;
};

int run_consume(const ConsumeFlags& flags) {
  auto cluster = cluster_of(flags.config);
  if (!cluster) return kExitUsage;
  server::SystemClock clock;
  auto consumer = kafka::Consumer::create(
      {.client = *std::move(cluster),
       .group = flags.group,
       .start = flags.from == "end" ? kafka::StartFrom::End : kafka::StartFrom::Beginning},
      clock);
  if (!consumer.ok()) {
    print_error(consumer.error());
    return kExitUsage;
  }
  RowPrinter rows(*consumer, flags);
  const Result<void> read = rows.run();
  if (!read.ok()) print_error(read.error());
  return read.ok() && !rows.saw_bad() ? kExitOk : kExitFailed;
}

}  // namespace

void add_consume(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("consume", "Read a commit log: a line of JSON a row, as they come");
  command->footer(
      "Reads on until it is interrupted, or has --max rows. With --dedupe a row whose node, "
      "compute "
      "key, time and window were among the last 1,000,000 is left out. With --group it goes on "
      "where the group was; what was printed and not told to the group is given again. Messages "
      "that are no rows are told on standard error.\n"
      "Exit code: 0; 1 if the brokers are gone or a message was no row.");
  auto flags = std::make_shared<ConsumeFlags>();
  command->add_option("--topic", flags->topic, "The log")->required()->type_name("TOPIC");
  command->add_flag("--dedupe", flags->dedupe, "Each row once");
  command->add_option("--from", flags->from, "Where to begin, unless the group has been somewhere")
      ->check(CLI::IsMember({"beginning", "end"}).description(""))
      ->capture_default_str()
      ->type_name("beginning|end");
  command->add_option("--group", flags->group, "Consumer group that shares the log")
      ->type_name("NAME");
  command->add_option("--max", flags->max, "End after so many rows")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  add_config_flag(*command, flags->config);
  command->callback(
      [&session, flags] { session.action = [flags] { return run_consume(*flags); }; });
}

}  // namespace weir::cli
