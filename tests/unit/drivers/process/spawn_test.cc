// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/spawn.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "drivers/process/file_descriptor.h"

namespace weir::process {
namespace {

struct Pipe {
  FileDescriptor from;
  FileDescriptor to;
};

Pipe make_pipe() {
  std::array<int, 2> ends = {-1, -1};
  EXPECT_EQ(pipe(ends.data()), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::string read_all(const FileDescriptor& from) {
  std::string text;
  std::array<char, 256> block = {};
  for (ssize_t got = 1; got > 0;) {
    got = read(from.number(), block.data(), block.size());
    if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

TEST(Spawn, GivesAChildItsOwnInputOutputAndErrorOutput) {
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", "cat; echo wrong >&2"};
  options.input = in.from.number();
  options.output = out.to.number();
  options.error_output = err.to.number();
  const auto pid = spawn_process(options);
  ASSERT_TRUE(pid.ok());
  ASSERT_EQ(write(in.to.number(), "given", 5), 5);
  for (FileDescriptor* end : {&in.from, &in.to, &out.to, &err.to}) end->close();
  EXPECT_EQ(read_all(out.from), "given");
  EXPECT_EQ(read_all(err.from), "wrong\n");
  EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
}

TEST(Spawn, ErrorsGoWithTheOutputUnlessToldOtherwise) {
  Pipe out = make_pipe();
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", "read line || echo no input >&2"};
  options.output = out.to.number();
  const auto pid = spawn_process(options);
  ASSERT_TRUE(pid.ok());
  out.to.close();
  EXPECT_EQ(read_all(out.from), "no input\n");
  EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
}

}  // namespace
}  // namespace weir::process
