// SPDX-License-Identifier: Apache-2.0
#include "cli/console/config_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(ConfigFaults, AreTheirPlacesReasonsAndTextsLineByLine) {
  const Error error =
      base::invalid_argument("config_invalid", "2 faults")
          .with_faults({{"unknown_key", "weir.yml:3:5", "grcp_port is no key"},
                        {"not_available_yet", "file weir.yml:4:5", "controlbus_dsn: not yet"}});
  EXPECT_EQ(config_faults_text(error),
            "weir.yml:3:5: unknown_key: grcp_port is no key\n"
            "weir.yml:4:5: not_available_yet: controlbus_dsn: not yet\n"
            "config_invalid: 2 faults\n");
}

TEST(ConfigFaults, AreAllNamedHoweverMany) {
  std::vector<Fault> faults;
  for (int i = 0; i < 200; ++i) faults.push_back({"unknown_key", std::to_string(i), "x"});
  const std::string text = config_faults_text(
      base::invalid_argument("config_invalid", "200 faults").with_faults(std::move(faults)));
  EXPECT_EQ(std::ranges::count(text, '\n'), 201);
}

TEST(ConfigFaults, OfAnErrorWithoutPlacesAreItsMessage) {
  EXPECT_EQ(config_faults_text(base::invalid_argument("config_invalid", "no such file")),
            "config_invalid: no such file\n");
}

}  // namespace
}  // namespace weir::cli
