// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <sstream>

#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

/// The same random commands against the memory store and every other one: what each answers, and
/// the rows they leave, instants included, must be equal after every command, and a chore that was
/// done must not be due. The number of commands is WEIR_TASK_COMMANDS, else kCommandsDefault; the
/// seed is WEIR_TEST_SEED, else 1. The full run, of half an hour:
///
///   WEIR_TASK_COMMANDS=100000 build/dev/bin/conformance_task_store
///       --gtest_filter='TaskStoreRandom.*'
namespace weir::dispatcher {
namespace {

using test::TaskNames;

constexpr int kCommandsDefault = 2'000;
constexpr int kCommandsPerDatabase = 125;

/// What a run of the default length meets: states, outcomes, and words of answers.
constexpr auto kWordsToMeet = std::to_array<std::string_view>({"queued",
                                                               "running",
                                                               "retry_wait",
                                                               "completed",
                                                               "failed",
                                                               "canceled",
                                                               "success",
                                                               "retryable_error",
                                                               "fatal_error",
                                                               "released",
                                                               "lease_expired",
                                                               "duplicate",
                                                               "paused",
                                                               "stopped",
                                                               "order",
                                                               "concurrency",
                                                               "not_due",
                                                               "already_running",
                                                               "task_not_found",
                                                               "stale_attempt",
                                                               "lease_mismatch",
                                                               "task_finished",
                                                               "task_canceled",
                                                               "output_not_owned",
                                                               "duplicate_scope",
                                                               "revision_conflict",
                                                               "commit_incomplete",
                                                               "buffered_output",
                                                               "manifest_conflict",
                                                               "invalid_request"});

int number_from(const char* variable, int otherwise) {
  const char* given = std::getenv(variable);
  return given == nullptr ? otherwise : std::atoi(given);
}

std::string text(Instant at) { return std::to_string(at.time_since_epoch().count()); }
std::string text(const std::optional<Instant>& at) { return at ? text(*at) : "-"; }

template <class Reply>
std::string refusal_text(const Answer<Reply>& answer) {
  if (answer.fault) return "fault " + answer.fault->reason();
  if (!answer.refused) return "";
  const Refusal& refused = *answer.refused;
  std::string out(word(refused.code));
  if (refused.reason) out += " " + std::string(word(*refused.reason));
  if (refused.retry_after) out += " " + std::to_string(refused.retry_after->count());
  if (refused.state) out += " " + std::string(word(*refused.state));
  if (refused.cancel_reason) out += " " + std::string(word(*refused.cancel_reason));
  return out;
}

std::string text(const HeartbeatReply& reply) {
  return std::string(word(reply.status)) + " " + text(reply.lease_expires_at) +
         (reply.cancel_reason ? " " + std::string(word(*reply.cancel_reason)) : "") +
         (reply.paused ? " paused" : "");
}
std::string text(const CompleteReply& reply) {
  return std::string(word(reply.status)) + " " + std::to_string(reply.attempt) +
         (reply.duplicate ? " duplicate " : " ") + text(reply.next_retry_at);
}

/// The lines of one that the other has not.
std::vector<std::string> only_in(const std::vector<std::string>& lines,
                                 const std::vector<std::string>& others) {
  std::vector<std::string> left;
  std::ranges::set_difference(lines, others, std::back_inserter(left));
  return left;
}

/// One store with what it holds now and how it names its tasks.
struct Side {
  test::RisingRandom random;
  std::unique_ptr<test::TaskEngine> engine;
  TaskTables tables;
  std::map<std::string, TaskId> tasks;

  void read() {
    tables = engine->tables();
    const TaskNames names(tables);
    tasks.clear();
    for (const auto* rows : {&tables.tasks, &tables.history}) {
      for (const auto& [id, row] : *rows) tasks[names.of(id)] = id;
    }
  }
};

/// An attempt's fence in both stores; kept when it is over, to be tried again.
struct HeldTwice {
  std::string task;
  std::array<Fence, 2> fences;
};

class RandomTasks {
 public:
  RandomTasks(const test::TaskEngineKind& first, const test::TaskEngineKind& second,
              std::uint64_t seed)
      : random_(seed) {
    sides_[0].engine = first.make(sides_[0].random);
    sides_[1].engine = second.make(sides_[1].random);
    for (Side& side : sides_) {
      side.engine->seed(sample_seed());
      side.read();
    }
  }

  /// One command, and the comparison behind it.
  void step() {
    pass_time();
    const auto command = random_.below(100);
    if (command < 14) return start_run();
    if (command < 30) return claim_named();
    if (command < 40) return claim_ready();
    if (command < 50) return heartbeat();
    if (command < 64) return complete();
    if (command < 78) return accept();
    if (command < 83) return user_command();
    if (command < 94) return chore();
    if (command < 97) return relay();
    return deploy();
  }

  const std::string& last() const { return last_; }
  /// Adds the states of tasks, the outcomes of attempts and the refusals that came up.
  void add_seen(std::set<std::string>& seen) const {
    for (const auto& [id, task] : sides_[0].tables.tasks) {
      seen.insert(std::string(word(task.life.state)));
    }
    for (const auto& [key, attempt] : sides_[0].tables.attempts) {
      if (attempt.outcome) seen.insert(std::string(word(*attempt.outcome)));
    }
    seen.insert(refusals_.begin(), refusals_.end());
  }

 private:
  void pass_time() {
    constexpr std::array kSpans = {Duration(milliseconds(1)),   Duration(milliseconds(1)),
                                   Duration(milliseconds(700)), Duration(seconds(9)),
                                   Duration(seconds(31)),       Duration(seconds(70))};
    const Duration span = kSpans.at(random_.below(kSpans.size()));
    for (Side& side : sides_) {
      side.engine->advance(span);
      side.random.restart();
    }
  }

  /// The command on both sides; then the texts of their answers and their rows must be equal.
  template <class Call, class Text>
  void both(const std::string& what, const Call& call, const Text& answer_text) {
    last_ = what;
    std::array<std::string, 2> answers;
    for (std::size_t at = 0; at < 2; ++at) {
      Side& side = sides_.at(at);
      const auto answer = call(side, at);
      ASSERT_TRUE(answer.ok()) << what << ": " << answer.error().describe();
      side.read();
      answers.at(at) = answer_text(*answer, TaskNames(side.tables), at);
    }
    ASSERT_EQ(answers[0], answers[1]) << what;
    note_words(answers[0]);
    auto rows = described();
    for (const Duration later : {Duration::zero(), Duration(seconds(1))}) {
      if (rows[0] == rows[1]) return;
      pay_debts(later);
      rows = described();
    }
    expect_equal(rows);
  }
  using RowTexts = std::array<std::vector<std::string>, 2>;
  RowTexts described() const {
    return {test::describe(sides_[0].tables), test::describe(sides_[1].tables)};
  }
  void expect_equal(const RowTexts& rows) const {
    ASSERT_EQ(only_in(rows[0], rows[1]), only_in(rows[1], rows[0])) << last_;
  }
  /// A store may ring who is next in order, or owe it where it had not locked that row. Then the
  /// meter rings, and both hold the same: at once, or after a second, when nobody pulls any more.
  void pay_debts(Duration later) {
    for (Side& side : sides_) {
      side.engine->advance(later);
      for (bool more = true; more;) {
        const auto page = side.engine->store().run_chore(Chore::RefillWakeups, 500);
        ASSERT_TRUE(page.ok()) << page.error().describe();
        more = page->more;
      }
      side.read();
    }
  }
  /// Words of an answer, so that a run can be seen to have met what there is to meet.
  void note_words(const std::string& answer) {
    std::istringstream words(answer);
    for (std::string word; words >> word;) {
      if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos) {
        refusals_.insert(word);
      }
    }
  }
  template <class Call>
  void both(const std::string& what, const Call& call) {
    both(what, call, [](const auto&, const TaskNames&, std::size_t) { return std::string(); });
  }

  /// A task by its name in both stores; sometimes one that is not there.
  std::string any_task() {
    if (sides_[0].tasks.empty() || random_.chance(2)) return "nobody";
    auto at = sides_[0].tasks.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(sides_[0].tasks.size())));
    return at->first;
  }
  std::vector<std::string> any_tasks(std::size_t most) {
    std::set<std::string> names;
    for (std::size_t at = 1 + random_.below(most); at > 0; --at) names.insert(any_task());
    return {names.begin(), names.end()};
  }
  static TaskId id_of(const Side& side, const std::string& name) {
    const auto found = side.tasks.find(name);
    return found == side.tasks.end() ? id_named<TaskId>(name) : found->second;
  }
  BuildId build_of_task(const std::string& name) const {
    const auto row = sides_[0].tables.tasks.find(id_of(sides_[0], name));
    return row == sides_[0].tables.tasks.end() ? BuildId() : row->second.build_id;
  }
  /// Fences of tasks, each task once: mostly of late ones.
  std::vector<HeldTwice> some_held(std::size_t most) {
    std::map<std::string, HeldTwice> picked;
    for (std::size_t at = 1 + random_.below(most); at > 0 && !held_.empty(); --at) {
      const std::size_t recent = std::min<std::size_t>(held_.size(), 12);
      const std::size_t place = random_.chance(85) ? held_.size() - 1 - random_.below(recent)
                                                   : random_.below(held_.size());
      HeldTwice held = held_[place];
      if (random_.chance(4)) {
        for (Fence& fence : held.fences) fence.lease_token = id_named<LeaseToken>("guessed");
      }
      picked.emplace(held.task, held);
    }
    std::vector<HeldTwice> all;
    for (auto& [name, held] : picked) all.push_back(held);
    return all;
  }

  void start_run() {
    RunRequest request{.build_id = build_of("manual"), .run_id = {}, .event = {}};
    request.run_id = manual_run_id(
        request.build_id, std::to_string(random_.below(static_cast<std::uint64_t>(4 + ++runs_))));
    request.event.output = 0;
    if (random_.chance(70)) {
      request.event.cursor = static_cast<std::int64_t>(random_.below(1000));
    } else {
      request.event.partition_key = "p" + std::to_string(random_.below(5));
    }
    both(
        "run " + request.run_id.text(),
        [&](Side& side, std::size_t) { return side.engine->store().start_runs({&request, 1}); },
        [](const auto& answers, const TaskNames& names, std::size_t) {
          const auto& answer = answers.front();
          return refusal_text(answer) + names.of(answer.reply.task_id) +
                 (answer.reply.event_id ? names.of(*answer.reply.event_id) : "-") +
                 (answer.reply.duplicate ? " duplicate" : "");
        });
  }

  void claim(const std::string& what, const std::function<ClaimRequest(const Side&)>& request) {
    std::vector<HeldTwice> fresh;
    both(
        what,
        [&](Side& side, std::size_t) {
          const ClaimRequest asked = request(side);
          return side.engine->store().claim({&asked, 1});
        },
        [&](const auto& answers, const TaskNames& names, std::size_t at) {
          std::string out = answers.front().more ? "more" : "";
          for (std::size_t place = 0; place < answers.front().tasks.size(); ++place) {
            const ClaimedTask& task = answers.front().tasks[place];
            const ClaimReply& reply = task.answer.reply;
            out += "\n" + names.of(task.task_id) + " " + refusal_text(task.answer);
            if (fresh.size() <= place) fresh.push_back({names.of(task.task_id), {}});
            fresh[place].fences.at(at) = {reply.attempt, reply.lease_token};
            if (!task.answer.ok()) continue;
            if (task.completed) out += " ran: " + std::string(word(task.completed->status));
            out += " " + std::to_string(reply.attempt) + " " + text(reply.lease_expires_at) + " " +
                   text(reply.deadline_at) + (reply.duplicate ? " duplicate" : "") +
                   task.context->job->job;
            if (task.context->trigger) out += " " + names.of(task.context->trigger->event_id);
          }
          return out;
        });
    for (const HeldTwice& held : fresh) {
      if (!held.fences[0].lease_token.is_nil()) held_.push_back(held);
    }
  }

  void claim_named() {
    const auto names = any_tasks(5);
    const std::string worker = "w" + std::to_string(random_.below(2));
    std::optional<ClaimId> id;
    if (random_.chance(40)) id = id_named<ClaimId>(std::to_string(random_.below(6)));
    claim("claim named " + testing::PrintToString(names), [&](const Side& side) {
      ClaimRequest request{.worker_id = worker, .claim_id = id};
      for (const std::string& name : names) request.task_ids.push_back(id_of(side, name));
      return request;
    });
  }

  /// Runs a task by its event: some end at once, some emit first, some are left.
  static InProcess in_process() {
    InProcess made;
    made.wants_state = [](const TaskContext&) { return true; };
    made.run = [](const TaskContext& context,
                  const StateRow& state) -> std::optional<InProcessWork> {
      InProcessWork work;
      const std::int64_t kind = context.trigger ? context.trigger->seq % 4 : 0;
      if (kind == 1) return std::nullopt;
      if (kind == 2) {
        work.events.push_back({.output = 0, .partition_key = "run"});
        work.state = StateWrite{.expect_revision = state.revision, .state_json = R"({"run":1})"};
      }
      if (kind == 3) work.end.outcome = Outcome::RetryableError;
      return work;
    };
    return made;
  }

  void claim_ready() {
    ClaimRequest request{.worker_id = "w", .max = 1 + random_.below(6)};
    request.runtime = random_.chance(50) ? QueueRuntime::EcsPlatform : QueueRuntime::Dispatcher;
    if (random_.chance(20)) request.operators = std::vector<OperatorName>{{"table_ingest", "1"}};
    if (random_.chance(30)) request.in_process = std::make_shared<const InProcess>(in_process());
    claim("claim " + std::to_string(request.max) + (request.in_process ? " and run" : ""),
          [&](const Side&) { return request; });
  }

  template <class Command, class Make, class Call>
  void fenced(const std::string& what, const Make& make, const Call& call) {
    const auto held = some_held(5);
    if (held.empty()) return;
    std::vector<Command> commands;
    for (std::size_t at = 0; at < held.size(); ++at) commands.push_back(make());
    both(
        what + " " + std::to_string(held.size()),
        [&](Side& side, std::size_t at) {
          std::vector<TaskItem<Command>> items;
          for (std::size_t place = 0; place < held.size(); ++place) {
            items.push_back({id_of(side, held[place].task), commands[place]});
            items.back().command.fence = held[place].fences.at(at);
          }
          return call(side.engine->store(), items);
        },
        [](const auto& answers, const TaskNames&, std::size_t) {
          std::string out;
          for (const auto& answer : answers) {
            out += refusal_text(answer) + (answer.ok() ? text(answer.reply) : "") + "\n";
          }
          return out;
        });
  }

  void heartbeat() {
    fenced<HeartbeatCommand>(
        "heartbeat", [] { return HeartbeatCommand{}; },
        [](TaskStore& store, const auto& items) { return store.heartbeat(items); });
  }

  void complete() {
    fenced<CompleteCommand>(
        "complete",
        [this] {
          constexpr std::array kOutcomes = {
              Outcome::Success,    Outcome::Success,  Outcome::Success, Outcome::RetryableError,
              Outcome::FatalError, Outcome::Canceled, Outcome::Released};
          CompleteCommand command;
          command.outcome = kOutcomes.at(random_.below(kOutcomes.size()));
          if (random_.chance(30)) command.error = TaskError{"code", "type", "message"};
          if (random_.chance(30)) command.result = R"({"rows":1})";
          return command;
        },
        [](TaskStore& store, const auto& items) { return store.complete(items); });
  }

  /// An event that mostly fits what a task of the build may emit.
  NewEvent any_event(const BuildId& build) {
    const bool objects = build == build_of("parts");
    NewEvent event;
    event.output = random_.chance(97) ? 0 : 1;
    if (random_.chance(objects ? 10 : 60)) {
      event.cursor = static_cast<std::int64_t>(random_.below(40));
    } else {
      event.partition_key = "p" + std::to_string(random_.below(6));
      if (random_.chance(50)) {
        event.start = 0;
        event.end = 9;
      }
      if (random_.chance(objects ? 85 : 10)) {
        event.commit =
            storage::CommitFacts{.location = "file:///" + std::to_string(random_.below(9)) + "/",
                                 .manifest_sha256 = std::string(64, 'a'),
                                 .row_count = static_cast<std::int64_t>(random_.below(100)),
                                 .bytes = 10,
                                 .schema_hash = "h",
                                 .objects = {}};
      }
    }
    if (random_.chance(build == build_of("ordered") ? 75 : 3)) {
      event.batch_no = static_cast<std::int64_t>(random_.below(2));
    }
    if (random_.chance(50)) {
      event.payload_json = R"({"n":)" + std::to_string(random_.below(3)) + "}";
    }
    return event;
  }

  void accept() {
    const auto held = some_held(3);
    if (held.empty()) return;
    std::vector<AcceptRequest> requests;
    for (std::size_t at = 0; at < held.size(); ++at) {
      AcceptRequest request{.task_id = {}, .fence = {}, .events = {}};
      const BuildId build = build_of_task(held[at].task);
      for (auto count = random_.below(5); count > 0; --count) {
        const bool again = !request.events.empty() && random_.chance(8);
        request.events.push_back(again ? request.events.back() : any_event(build));
      }
      if (random_.chance(15) || request.events.empty()) {
        request.state =
            StateWrite{.state_key = random_.chance(80) ? "default" : "other",
                       .expect_revision = static_cast<std::int64_t>(random_.below(4)),
                       .state_json = R"({"s":)" + std::to_string(random_.below(3)) + "}"};
      }
      requests.push_back(request);
    }
    both(
        "accept " + std::to_string(held.size()),
        [&](Side& side, std::size_t at) {
          for (std::size_t place = 0; place < held.size(); ++place) {
            requests[place].task_id = id_of(side, held[place].task);
            requests[place].fence = held[place].fences.at(at);
          }
          return side.engine->store().accept(requests);
        },
        [](const auto& answers, const TaskNames& names, std::size_t) {
          std::string out;
          for (const auto& answer : answers) {
            out += refusal_text(answer);
            for (const AcceptedEvent& event : answer.reply.events) {
              out += " " + names.of(event.event_id) + "=" + std::to_string(event.seq) +
                     (event.duplicate ? " duplicate" : "");
            }
            out += " " + std::to_string(answer.reply.state_revision.value_or(-1)) + "\n";
          }
          return out;
        });
  }

  void user_command() {
    const auto held = random_.chance(50) ? some_held(1) : std::vector<HeldTwice>();
    const std::string name = held.empty() ? any_task() : held.front().task;
    const auto what = random_.chance(50) ? UserCommand::Cancel : UserCommand::Retry;
    const OrgId who = random_.chance(95) ? org() : id_named<OrgId>("other");
    both(
        "user " + name,
        [&](Side& side, std::size_t) {
          return side.engine->store().command(
              {.org_id = who, .task_id = id_of(side, name), .command = what});
        },
        [](const auto& answer, const TaskNames&, std::size_t) {
          return refusal_text(answer) + std::string(word(answer.reply.state));
        });
  }

  /// Once a chore has no more to do, it is due later or when told: else its loop would ask for
  /// ever.
  void expect_not_due(Chore chore) {
    for (Side& side : sides_) {
      const auto due = side.engine->store().due();
      ASSERT_TRUE(due.ok()) << due.error().describe();
      ASSERT_EQ(due->now, side.engine->now());
      const auto& at = due->chores.at(static_cast<std::size_t>(chore));
      ASSERT_TRUE(!at || *at > due->now) << last_;
    }
  }

  void chore() {
    const auto chore = static_cast<Chore>(random_.below(kChores));
    // Which queues a page of the meter serves is the store's affair.
    if (chore == Chore::RefillWakeups) {
      last_ = "refill";
      pay_debts(seconds(1));
      expect_equal(described());
      expect_not_due(chore);
      return;
    }
    both(
        "chore " + std::to_string(static_cast<int>(chore)),
        [&](Side& side, std::size_t) { return side.engine->store().run_chore(chore, 500); },
        [](const ChorePage& page, const TaskNames&, std::size_t) {
          return std::to_string(page.done) + (page.more ? " more" : "");
        });
    if (!testing::Test::HasFatalFailure()) expect_not_due(chore);
  }

  void relay() {
    both("relay", [](Side& side, std::size_t) -> Result<std::size_t> {
      WEIR_CHECK(side.engine->outbox().hand_over(500));
      const std::vector<QueueName> queues = {kEcsHigh, kEcsNormal, kInlineNormal};
      WEIR_TRY(const auto received, side.engine->queue().receive(queues, 256));
      std::vector<WakeupReceipt> receipts;
      for (const ReceivedWakeup& message : received) {
        receipts.push_back({message.message_id, message.receipt});
      }
      return side.engine->queue().acknowledge(receipts);
    });
  }

  void deploy() {
    constexpr std::array kJobs = {"relay", "relay", "ordered", "single", "buffer", "cron"};
    const BuildId build = build_of(kJobs.at(random_.below(kJobs.size())));
    const auto what = random_.below(6);
    both("deploy " + std::to_string(what), [&](Side& side, std::size_t) -> Result<int> {
      if (what < 2) side.engine->pause({.build_id = build});
      if (what == 2 || what == 3) side.engine->unpause({.build_id = build});
      if (what == 4) {
        side.engine->set_dispatch(build, Dispatch::Stopped, CancelReason::Superseded);
      }
      if (what == 5) side.engine->set_dispatch(build, Dispatch::Open, CancelReason::Superseded);
      return 0;
    });
  }

  base::SeededRandom random_;
  std::array<Side, 2> sides_;
  std::vector<HeldTwice> held_;
  int runs_ = 0;
  std::string last_;
  std::set<std::string> refusals_;  // words that answers began with
};

TEST(TaskStoreRandom, StoresAgreeAfterEveryCommand) {
  const auto kinds = test::task_engine_kinds();
  const auto memory = std::ranges::find(kinds, "Memory", &test::TaskEngineKind::name);
  ASSERT_NE(memory, kinds.end());
  ASSERT_GE(kinds.size(), 2U) << "a store to compare with";
  const int commands = number_from("WEIR_TASK_COMMANDS", kCommandsDefault);
  const int seed = number_from("WEIR_TEST_SEED", 1);
  std::set<std::string> seen;
  for (const test::TaskEngineKind& kind : kinds) {
    if (kind.name == memory->name) continue;
    for (int done = 0; done < commands;) {
      const auto from =
          static_cast<std::uint64_t>(seed) * 1'000'003 + static_cast<std::uint64_t>(done);
      RandomTasks tasks(*memory, kind, from);
      for (int at = 0; at < kCommandsPerDatabase && done < commands; ++at, ++done) {
        tasks.step();
        if (testing::Test::HasFatalFailure()) {
          FAIL() << "command " << done << " of seed " << seed << ": " << tasks.last();
        }
      }
      tasks.add_seen(seen);
    }
  }
  if (commands < kCommandsDefault) return;
  for (const std::string_view word : kWordsToMeet) {
    EXPECT_TRUE(seen.contains(std::string(word))) << "the run never met " << word;
  }
}

}  // namespace
}  // namespace weir::dispatcher
