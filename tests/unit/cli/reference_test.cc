// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/app.h"
#include "dagmanager/dagmanager_config.h"
#include "dispatcher/dispatcher_config.h"
#include "worker/worker_config.h"

namespace weir::cli {
namespace {

std::string page(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/docs/reference/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Reference, PageOfTheCommandLineIsWhatTheProgramSays) {
  Session session;
  EXPECT_EQ(page("cli.md"), cli_reference(*make_app(session)))
      << "make it anew: weir docs cli > docs/reference/cli.md";
}

TEST(Reference, PageOfTheConfigurationIsWhatTheProgramSays) {
  EXPECT_EQ(page("configuration.md"), config_reference())
      << "make it anew: weir docs config > docs/reference/configuration.md";
}

TEST(Reference, NamesEveryKey) {
  const std::string text = config_reference();
  for (const auto& keys : {dagmanager::dagmanager_config_keys(),
                           dispatcher::dispatcher_config_keys(), worker::worker_config_keys()}) {
    for (const server::KeyDescription& key : keys) {
      EXPECT_THAT(text, testing::HasSubstr("| `" + key.key + "`"));
    }
  }
}

TEST(Reference, NamesEveryCommandOnceAndNoHiddenOne) {
  Session session;
  const std::string text = cli_reference(*make_app(session));
  for (const char* command : {"weir up",
                              "weir down",
                              "weir dagmanager server",
                              "weir dagmanager diff",
                              "weir dagmanager submit",
                              "weir dagmanager explain",
                              "weir dagmanager queue-stats",
                              "weir dagmanager lint",
                              "weir dagmanager snapshot",
                              "weir dag validate",
                              "weir dag schema",
                              "weir dag plan",
                              "weir dag deploy",
                              "weir dag list",
                              "weir dag show",
                              "weir dag versions",
                              "weir dag graph",
                              "weir run",
                              "weir task list",
                              "weir task show",
                              "weir task retry",
                              "weir task cancel",
                              "weir dataset list",
                              "weir dataset show",
                              "weir dataset versions",
                              "weir dataset partitions",
                              "weir dataset head",
                              "weir dispatcher",
                              "weir worker",
                              "weir check",
                              "weir doctor",
                              "weir init",
                              "weir config show",
                              "weir version",
                              "weir completion bash"}) {
    EXPECT_THAT(text, testing::HasSubstr(std::string("\n## ") + command + "\n"));
  }
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("__complete")));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("## weir docs")));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("__head")));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("## weir operator")));
}

}  // namespace
}  // namespace weir::cli
