// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

namespace weir::cli {
namespace {

/// Runs the program in this process and keeps what it writes.
struct Ran {
  int code = 0;
  std::string out;
  std::string error;
};

Ran run_weir(std::vector<std::string> words) {
  words.insert(words.begin(), "weir");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = run(static_cast<int>(argv.size()), argv.data());
  ran.out = testing::internal::GetCapturedStdout();
  ran.error = testing::internal::GetCapturedStderr();
  return ran;
}

TEST(App, ShowsHelpAndEndsWell) {
  const Ran ran = run_weir({"--help"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, testing::HasSubstr("dagmanager"));
  EXPECT_THAT(ran.out, testing::Not(testing::HasSubstr("__complete")));
}

TEST(App, EndsWithTwoOnWhatItDoesNotUnderstand) {
  const std::vector<std::vector<std::string>> usages = {
      {},
      {"fly"},
      {"dagmanager"},
      {"dagmanager", "diff"},
      {"dagmanager", "diff", "--file"},
      {"dagmanager", "diff", "--file", "x", "--nothing"},
      {"dagmanager", "submit", "--file", "x", "--offline"},
      {"dagmanager", "snapshot", "--file", "x", "--freeze", "--verify"},
      {"up", "--grpc-port", "70000"},
      {"-o", "xml", "version"}};
  for (const auto& usage : usages) {
    const Ran ran = run_weir(usage);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(usage);
    EXPECT_EQ(ran.out, "") << testing::PrintToString(usage);
    EXPECT_THAT(ran.error, testing::HasSubstr("--help`")) << testing::PrintToString(usage);
  }
}

TEST(App, NamesTheCommandInAUsageFault) {
  EXPECT_THAT(
      run_weir({"dagmanager", "diff"}).error,
      testing::AllOf(testing::StartsWith("weir dagmanager diff: "), testing::HasSubstr("--file")));
}

TEST(App, TakesGlobalOptionsBeforeAndAfterTheCommand) {
  const std::string json = "{\"version\":\"" WEIR_TEST_VERSION "\"}\n";
  EXPECT_EQ(run_weir({"-o", "json", "version"}).out, json);
  EXPECT_EQ(run_weir({"version", "-o", "json"}).out, json);
  EXPECT_EQ(run_weir({"version", "--output=json", "--lang", "ko"}).out, json);
  EXPECT_EQ(run_weir({"-L", "en", "version"}).out, "weir " WEIR_TEST_VERSION "\n");
}

TEST(App, HasTheSpecificationsSpellingWithTheSameFlags) {
  Session session;
  const auto app = make_app(session);
  const CLI::App* ours = app->get_subcommand("dagmanager");
  const CLI::App* theirs = app->get_subcommand("service")->get_subcommand("dagmanager");
  const auto all = [](const CLI::App* group) {
    std::vector<std::string> names;
    for (const CLI::App* command : group->get_subcommands({})) {
      for (const CLI::Option* option : command->get_options()) {
        names.push_back(command->get_name() + " " + option->get_name(true, true));
      }
    }
    std::ranges::sort(names);
    return names;
  };
  EXPECT_EQ(all(ours), all(theirs));
  EXPECT_THAT(all(ours), testing::Contains("diff --detailed-exitcode"));
}

TEST(App, SaysWhichFileCannotBeRead) {
  const Ran ran = run_weir({"dagmanager", "diff", "--offline", "--file", "/nowhere/dag.json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.error, "Failed to read file /nowhere/dag.json: No such file or directory\n");
}

TEST(App, DiffsOfflineWithADetailedExitCode) {
  const std::string graph = std::string(WEIR_SOURCE_DIR) + "/examples/strategies/tag_query.json";
  EXPECT_EQ(run_weir({"dagmanager", "diff", "--offline", "--file", graph}).code, 0);
  const Ran ran =
      run_weir({"dagmanager", "diff", "--offline", "--detailed-exitcode", "--file", graph});
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, testing::HasSubstr("against an empty store\n"));
  EXPECT_THAT(ran.out, testing::EndsWith(" new, 0 reused, 0 buffered.\n"));
}

TEST(App, RefusesAnIntervalOfMoreThanADay) {
  EXPECT_EQ(run_weir({"dagmanager", "queue-stats", "--interval", "25h"}).code, 2);
}

}  // namespace
}  // namespace weir::cli
