// SPDX-License-Identifier: Apache-2.0
// bench_clock FILE: what an operator of the start measure is. It writes the instant of its start,
// in microseconds since 1970, to the file and ends. Linked statically: loading libraries is no
// part of what is measured.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>

int main(int argc, char** argv) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (argc != 2) return 2;
  std::array<char, 32> line{};
  const auto text = std::to_chars(line.data(), line.data() + line.size() - 1,
                                  now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
  *text.ptr = '\n';
  const auto size = static_cast<std::size_t>(text.ptr - line.data()) + 1;
  const int fd = ::open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  return fd >= 0 && ::write(fd, line.data(), size) > 0 ? 0 : 1;
}
