// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace weir::cli {

/// Tells on standard error what a command is waiting for, once it takes longer than a second; quick
/// commands stay silent. On a terminal one line is written over and wiped at the end; elsewhere a
/// line appears at doubling distances. Lives on the stack of the command. Any thread may update.
class Progress {
 public:
  /// "submitting factor-1000.json"; `clock` outlives this.
  Progress(std::string what, const Clock& clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// What is known of how far it is: "chunk 3 of 10".
  void update(std::string detail);

  /// Says a line of its own meanwhile.
  void say(const std::string& line);

 private:
  void run();
  void show() WEIR_REQUIRES(mutex_);

  const std::string what_;
  const Clock& clock_;
  const Duration started_;
  const bool terminal_;

  base::Mutex mutex_;
  base::CondVar wake_;
  std::string detail_ WEIR_GUARDED_BY(mutex_);
  bool done_ WEIR_GUARDED_BY(mutex_) = false;
  bool shown_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::cli
