// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/own_program.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace weir::process {
namespace {

TEST(OwnProgram, IsTheWholePathOfTheRunningProgram) {
  const std::filesystem::path program = own_program();
  EXPECT_TRUE(program.is_absolute());
  EXPECT_EQ(program.filename(), "unit_drivers_process");
  EXPECT_TRUE(std::filesystem::exists(program));
}

}  // namespace
}  // namespace weir::process
