// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "base/random.h"
#include "operators/child/context.h"
#include "storage/commit_verifier.h"
#include "tests/hand_clock.h"
#include "tests/unit/operators/child/memory_task_api.h"
#include "tests/unit/operators/payloads.h"

namespace weir::test {

/// What an operator runs on in a test: folders of its own, the memory task API, real files and the
/// real engine.
class OperatorBench : public ::testing::Test {
 protected:
  OperatorBench() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-op-test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    for (const char* part : {"in", "objects", "work"}) {
      std::filesystem::create_directories(folder_ / part);
    }
    surroundings_ = {.ingest_roots = {{"default", (folder_ / "in").string()},
                                      {"market", WEIR_SOURCE_DIR "/examples/market"}},
                     .object_root = (folder_ / "objects").string(),
                     .work_above = (folder_ / "work").string()};
  }
  ~OperatorBench() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& path, std::string_view text) const {
    std::filesystem::create_directories((folder_ / "in" / path).parent_path());
    std::ofstream(folder_ / "in" / path, std::ios::binary) << text;
  }

  operators::OperatorContext context(const operators::TaskPayload& payload) {
    return {.payload = payload,
            .api = api_,
            .clock = clock_,
            .random = random_,
            .surroundings = surroundings_};
  }

  /// The commit of the only event: verified, and its rows through the engine.
  storage::CommitFacts committed(const operators::TaskPayload& payload) {
    const auto store = *operators::open_store(surroundings_, random_);
    const auto place = *operators::staging_of(payload, payload.outputs.at(0), *store);
    const auto& event = api_.events.at(0);
    auto facts = storage::verify_commit(
        *store, {.place = place, .partition_key = *event.partition_key, .named = *event.commit});
    EXPECT_TRUE(facts.ok()) << facts.error().describe();
    return *facts;
  }

  /// `SELECT <what> FROM <the committed files>` as the engine sees them.
  duckdb::Value query(const storage::CommitFacts& facts, const std::string& what) {
    const std::string folder = facts.location.substr(std::string("file://").size());
    auto library = duckdb::Library::load(*duckdb::find_library(""));
    EXPECT_TRUE(library.ok()) << library.error().describe();
    auto engine = duckdb::Engine::open(
        *library,
        {.threads = 1, .spill_folder = (folder_ / "work/spill").string(), .folders = {folder}});
    auto value = (*engine)->value("SELECT " + what + " FROM read_parquet(" +
                                  duckdb::quote_text(folder + "*.parquet") + ")");
    EXPECT_TRUE(value.ok()) << value.error().describe();
    return value.ok() ? *value : duckdb::Value();
  }

  bool work_is_empty() const { return std::filesystem::is_empty(folder_ / "work"); }

  std::filesystem::path folder_;
  operators::Surroundings surroundings_;
  MemoryTaskApi api_;
  HandClock clock_{Duration::zero()};
  base::SeededRandom random_{7};
};

}  // namespace weir::test
