// SPDX-License-Identifier: Apache-2.0
// Attempts that commit partitions, crash between any two calls of the store, pause, wake up late
// and repeat, over a store on a bad day, while readers read and waste is removed. After every step:
// no reader can reach an object that no accepted commit names, and every accepted commit reads
// whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/blake3.h"
#include "storage/commit_verifier.h"
#include "storage/commit_writer.h"
#include "storage/faulty_object_store.h"
#include "storage/limits.h"
#include "storage/memory_object_store.h"
#include "storage/staging_waste.h"
#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

constexpr std::uint64_t kSeedsUsual = 10'000;
constexpr int kStepsMax = 400;

/// Ends its process at a call: before it is carried out, or after.
class CrashingStore final : public ObjectStore {
 public:
  CrashingStore(ObjectStore& inner, base::SeededRandom& random) : inner_(inner), random_(random) {}

  void crash_within(std::uint64_t calls) { left_ = 1 + random_.below(calls); }
  void run_on() { left_ = 0, crashed_ = false; }
  bool crashed() const { return crashed_; }

  const StorageRoot& root() const override { return inner_.root(); }
  Result<ObjectStat> put(const ObjectKey& key, ByteSource& source,
                         const PutOptions& options) override {
    return call<ObjectStat>([&] { return inner_.put(key, source, options); });
  }
  Result<std::string> get(const ObjectKey& key, ByteRange range) override {
    return call<std::string>([&] { return inner_.get(key, range); });
  }
  Result<ObjectStat> stat(const ObjectKey& key, Checksum checksum) override {
    return call<ObjectStat>([&] { return inner_.stat(key, checksum); });
  }
  Result<ObjectPage> list(const ObjectPrefix& prefix, const ListOptions& options) override {
    return call<ObjectPage>([&] { return inner_.list(prefix, options); });
  }
  Result<void> remove(const ObjectKey& key) override {
    return call<void>([&] { return inner_.remove(key); });
  }
  Result<RemovedObjects> remove_prefix(const ObjectPrefix& prefix, std::size_t limit) override {
    return call<RemovedObjects>([&] { return inner_.remove_prefix(prefix, limit); });
  }
  Result<void> ping() override { return inner_.ping(); }

 private:
  template <class T, class Do>
  Result<T> call(Do carry_out) {
    if (!crashed_ && left_ > 0 && --left_ == 0) {
      crashed_ = true;
      if (random_.chance(50)) static_cast<void>(carry_out());
    }
    if (crashed_) return Error(Code::Cancelled, "crashed", "the process is gone");
    return carry_out();
  }

  ObjectStore& inner_;
  base::SeededRandom& random_;
  std::uint64_t left_ = 0;  // calls until the crash; 0: none
  bool crashed_ = false;
};

/// One attempt's process.
struct Attempt {
  int task = 0;
  StagingPlace place;
  std::string partition;
  int objects = 0;
  int step = 0;  // objects put, then the manifest, then the event
  bool dead = false;
  Instant since;
  std::optional<CommitWriter> writer;
  std::optional<CommitNamed> named;
};

/// A task as the dispatcher knows it.
struct Task {
  std::string partition;
  int attempt = 0;
  std::optional<CommitFacts> accepted;
};

std::string object_name(int i) { return "part_" + std::to_string(i) + ".parquet"; }
/// Each attempt writes bytes of its own, so that a mix of two is seen.
std::string object_bytes(const StagingPlace& place, int i) {
  return place.task.text() + "/" + std::to_string(place.attempt) + "#" + std::to_string(i);
}

class World final : public CommitLedger {
 public:
  explicit World(std::uint64_t seed)
      : random_(seed),
        store_(*StorageRoot::parse("s3://bucket/"), clock_),
        faulty_(store_, random_, some_faults(), 25),
        crashing_(faulty_, random_) {
    tasks_.resize(1 + random_.below(3));
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      tasks_[i].partition = random_.chance(60) ? "0-9" : "a/b";
      start(static_cast<int>(i));
    }
  }

  void run() {
    for (int steps = 0; steps < kStepsMax && !testing::Test::HasFailure(); ++steps) {
      if (random_.chance(4)) clock_.sleep_for(std::chrono::hours(1 + random_.below(30)));
      if (random_.chance(5)) remove_waste(faulty_);
      if (random_.chance(8)) start(static_cast<int>(random_.below(tasks_.size())));
      Attempt* attempt = any_alive();
      if (attempt != nullptr) step(*attempt, random_.chance(10));
      if (random_.chance(20) || attempt == nullptr) check();
      if (attempt == nullptr && settled()) break;
    }
    settle();
  }

  Result<std::vector<bool>> names_any(std::span<const std::string> prefixes) override {
    std::vector<bool> answers;
    for (const std::string& prefix : prefixes) {
      bool any = false;
      for (const Task& task : tasks_) {
        any = any || (task.accepted && task.accepted->location.starts_with(prefix));
      }
      answers.push_back(any);
    }
    return answers;
  }

  int crashes = 0, late = 0, duplicates = 0, accepted = 0, removed = 0;

 private:
  /// Each kind of fault is on in half of the seeds.
  ObjectFaults some_faults() {
    const auto percent = [&](unsigned most) {
      return random_.chance(50) ? static_cast<unsigned>(random_.below(most)) : 0U;
    };
    return {.call_lost = percent(20),
            .reply_lost = percent(20),
            .seen_late = percent(60),
            .late_reads = 3,
            .list_short = percent(60),
            .list_holes = percent(40)};
  }

  void start(int index) {
    Task& task = tasks_[static_cast<std::size_t>(index)];
    if (task.attempt >= 5) return;
    Attempt attempt;
    attempt.task = index;
    attempt.place = test::place("task" + std::to_string(index), ++task.attempt);
    attempt.partition = task.partition;
    attempt.objects = static_cast<int>(random_.below(4));
    attempt.since = clock_.now();
    attempts_.push_back(std::move(attempt));
    attempts_.back().writer.emplace(crashing_, attempts_.back().place, task.partition);
  }

  Attempt* any_alive() {
    std::vector<Attempt*> alive;
    for (Attempt& attempt : attempts_) {
      // No task runs longer than its time-out, paused or not: its process is killed.
      if (clock_.now() - attempt.since > kTaskTimeoutMax) attempt.dead = true;
      if (!attempt.dead) alive.push_back(&attempt);
    }
    return alive.empty() ? nullptr : alive[random_.below(alive.size())];
  }

  bool settled() const {
    return std::ranges::all_of(
        tasks_, [](const Task& task) { return task.accepted.has_value() || task.attempt >= 5; });
  }

  /// One step of an attempt; what fails without a crash is done again the next time.
  void step(Attempt& attempt, bool crash) {
    crashing_.run_on();
    if (crash) crashing_.crash_within(8);
    if (attempt.step < attempt.objects) {
      const std::string bytes = object_bytes(attempt.place, attempt.step);
      TextSource source(bytes);
      if (attempt.writer->put(object_name(attempt.step), source, 1).ok()) ++attempt.step;
    } else if (!attempt.named) {
      auto named = attempt.writer->finish("");
      if (named.ok()) attempt.named = *std::move(named);
    } else {
      emit(attempt);
    }
    if (crashing_.crashed()) {
      attempt.dead = true;
      ++crashes;
    }
    crashing_.run_on();
  }

  /// The events route: verify, then fence and accept in one transaction.
  void emit(Attempt& attempt) {
    const auto facts = verify_commit(
        crashing_,
        {.place = attempt.place, .partition_key = attempt.partition, .named = *attempt.named});
    if (!facts.ok()) return;
    attempt.dead = true;  // whatever the answer, it was its last step
    Task& task = tasks_[static_cast<std::size_t>(attempt.task)];
    if (attempt.place.attempt != task.attempt) {
      ++late;  // 409 stale_attempt
    } else if (task.accepted) {
      ++duplicates;  // the first commit stays
    } else {
      task.accepted = *facts;
      ++accepted;
    }
  }

  void remove_waste(ObjectStore& store) {
    AttemptScan scan(store, *ObjectPrefix::parse("datasets/"), clock_.now() - kStagingRetention);
    for (int i = 0; i < 50 && !scan.done(); ++i) {
      const auto found = scan.next();
      if (!found.ok()) continue;
      const auto free = removable(store, *this, *found);
      for (const AttemptFiles& files : *free) {
        for (const Attempt& attempt : attempts_) {
          EXPECT_FALSE(staging_prefix(attempt.place) == files.prefix && !attempt.dead &&
                       clock_.now() - attempt.since <= kTaskTimeoutMax)
              << "an attempt at work is no waste";
        }
        const auto done = remove_attempt(store, files.prefix, 1 + random_.below(5));
        if (done.ok()) removed += static_cast<int>(done->removed);
      }
    }
  }

  const Attempt* writer_of(const std::string& location) const {
    for (const Attempt& attempt : attempts_) {
      if (attempt.named && attempt.named->prefix == location) return &attempt;
    }
    return nullptr;
  }

  /// What readers see now: exactly the objects of accepted commits, each whole and of one attempt.
  void check() {
    std::set<std::string> reached;
    std::set<std::string> written;
    for (const Task& task : tasks_) {
      if (!task.accepted) continue;
      const Attempt* writer = writer_of(task.accepted->location);
      ASSERT_NE(writer, nullptr) << "nobody wrote " << task.accepted->location;
      for (int i = 0; i < writer->objects; ++i) {
        written.insert(partition_prefix(writer->place, task.partition).text() + object_name(i));
      }
      const auto objects = resolve_commit(
          store_,
          {.location = task.accepted->location, .manifest_sha256 = task.accepted->manifest_sha256});
      ASSERT_TRUE(objects.ok()) << objects.error().describe();
      for (int i = 0; i < static_cast<int>(objects->size()); ++i) {
        const CommittedObject& object = (*objects)[static_cast<std::size_t>(i)];
        reached.insert(object.key.text());
        const auto bytes = get_text(store_, object.key, 1000);
        ASSERT_TRUE(bytes.ok()) << bytes.error().describe();
        EXPECT_EQ(*bytes, object_bytes(writer->place, i));
        EXPECT_EQ(base::sha256_hex(*bytes), object.facts.sha256);
      }
    }
    EXPECT_EQ(reached, written);
  }

  /// The end: a good day. Every task commits; repeats change nothing; only commits are left.
  void settle() {
    for (Attempt& attempt : attempts_) attempt.dead = true;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (!tasks_[i].accepted) commit_at_last(static_cast<int>(i));
    }
    check();
    for (const Task& task : tasks_) repeat(*writer_of(task.accepted->location), task);
    clock_.sleep_for(kStagingRetention + Duration(1));
    // As often as there are objects to remove, and no more.
    for (int before = -1; before != removed;) {
      before = removed;
      remove_waste(store_);
    }
    check();
    const auto left = store_.list(*ObjectPrefix::parse("datasets/"), {});
    for (const ListedObject& object : left->objects) {
      const std::vector<std::string> prefix = {store_.root().uri_of(*attempt_of(object.key))};
      EXPECT_TRUE((*names_any(prefix))[0]) << object.key.text() << " is left";
    }
  }

  void commit_at_last(int index) {
    Task& task = tasks_[static_cast<std::size_t>(index)];
    Attempt attempt;
    attempt.task = index;
    attempt.place = test::place("task" + std::to_string(index), ++task.attempt);
    attempt.objects = 2;
    attempt.dead = true;
    CommitWriter writer(store_, attempt.place, task.partition);
    for (int i = 0; i < attempt.objects; ++i) {
      const std::string bytes = object_bytes(attempt.place, i);
      TextSource source(bytes);
      ASSERT_TRUE(writer.put(object_name(i), source, 1).ok());
    }
    attempt.named = *writer.finish("");
    const auto facts = verify_commit(
        store_, {.place = attempt.place, .partition_key = task.partition, .named = *attempt.named});
    ASSERT_TRUE(facts.ok()) << facts.error().describe();
    task.accepted = *facts;
    attempts_.push_back(std::move(attempt));
  }

  /// The committed attempt again, with the same bytes, then with others.
  void repeat(const Attempt& attempt, const Task& task) {
    CommitWriter writer(store_, attempt.place, task.partition);
    for (int i = 0; i < attempt.objects; ++i) {
      const std::string bytes = object_bytes(attempt.place, i);
      TextSource source(bytes);
      EXPECT_TRUE(writer.put(object_name(i), source, 1).ok());
      const std::string other = bytes + "!";
      TextSource changed(other);
      EXPECT_EQ(writer.put(object_name(i), changed, 1).error().reason(), "object_exists");
    }
    const auto named = writer.finish("");
    ASSERT_TRUE(named.ok()) << named.error().describe();
    EXPECT_EQ(named->manifest_sha256, task.accepted->manifest_sha256);
    EXPECT_EQ(named->prefix, task.accepted->location);
    CommitWriter other(store_, attempt.place, task.partition);
    EXPECT_EQ(other.finish("another schema").error().reason(), "object_exists");
  }

  base::SeededRandom random_;
  test::SetClock clock_;
  MemoryObjectStore store_;
  FaultyObjectStore faulty_;
  CrashingStore crashing_;
  std::vector<Task> tasks_;
  std::deque<Attempt> attempts_;
};

std::uint64_t number_from(const char* name, std::uint64_t usual) {
  const char* const given = std::getenv(name);
  return given != nullptr && *given != '\0' ? std::strtoull(given, nullptr, 10) : usual;
}

TEST(CommitSim, ShowsReadersOnlyWhatWasCommittedOverEverySeed) {
  const std::uint64_t only = number_from("WEIR_TEST_SEED", 0);
  const std::uint64_t seeds = number_from("WEIR_SIM_SEEDS", kSeedsUsual);
  int crashes = 0;
  int late = 0;
  int duplicates = 0;
  int accepted = 0;
  int removed = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(only != 0 ? only : seed);
    world.run();
    ASSERT_FALSE(HasFailure()) << "WEIR_TEST_SEED=" << (only != 0 ? only : seed);
    crashes += world.crashes;
    late += world.late;
    duplicates += world.duplicates;
    accepted += world.accepted;
    removed += world.removed;
    if (only != 0) return;
  }
  std::printf("%llu seeds: %d commits, %d crashes, %d late, %d duplicates, %d objects removed\n",
              static_cast<unsigned long long>(seeds), accepted, crashes, late, duplicates, removed);
  EXPECT_GT(crashes, 0);
  EXPECT_GT(late, 0);
  EXPECT_GT(duplicates, 0);
  EXPECT_GT(accepted, 0);
  EXPECT_GT(removed, 0);
}

}  // namespace
}  // namespace weir::storage
