// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"

/// Processes that left their group, or whose worker was killed. They are known by the `TMPDIR` of
/// their environment, the folder of their attempt, or by their parent.
namespace weir::worker {

/// What the environment of all processes of an attempt has.
std::string attempt_mark(const std::filesystem::path& attempt_folder);

/// Makes this process the parent of what its children leave behind.
void become_subreaper();

/// Ends the descendants that an attempt left behind: children that this process got by
/// inheritance, that carry the attempt's mark or hide theirs. `keep` is a child to be spared. Says
/// how many there were. Call after the attempt's group has ended.
std::size_t end_orphans(const std::filesystem::path& attempt_folder, pid_t keep);

/// Kills every process of this user whose environment has a TMPDIR below `folder`. Says how many.
std::size_t kill_marked(const std::filesystem::path& folder);

/// A child process that sleeps until this process is gone, however it went, and then kills what
/// works below `folder`.
class Guardian {
 public:
  /// Forks: no other thread may run. UNAVAILABLE `no_guardian`.
  static Result<std::unique_ptr<Guardian>> start(const std::filesystem::path& folder);
  /// Lets it do its work now, and collects it.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  pid_t pid() const { return pid_; }

 private:
  Guardian(pid_t pid, process::FileDescriptor alive) : pid_(pid), alive_(std::move(alive)) {}

  pid_t pid_;
  process::FileDescriptor alive_;
};

}  // namespace weir::worker
