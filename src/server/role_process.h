// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/result.h"
#include "server/log.h"
#include "server/shutdown.h"

namespace weir::server {

/// The course of a role's process: made by `create`, started, served until SIGTERM or SIGINT,
/// drained, stopped. `Role` has start (a Result), drain and stop. Blocks; call it from main with
/// signals untouched. Gives the exit code: 0 after an orderly stop, else what `exit_code` makes of
/// the error that kept it from starting, which is logged.
template <class Create>
int serve_role(const Create& create, const std::function<int(const Error&)>& exit_code) {
  const auto report = [&](const Error& error) {
    log().error("cannot start", {{"reason", error.reason()}, {"message", error.message()}});
    return exit_code(error);
  };
  block_shutdown_signals();
  auto signals = ShutdownSignals::create();
  if (!signals.ok()) return report(signals.error());
  auto role = create();
  if (!role.ok()) return report(role.error());
  if (const auto started = (*role)->start(); !started.ok()) {
    (*role)->stop();
    return report(started.error());
  }
  (*signals)->wait();
  (*role)->drain();
  (*role)->stop();
  log().info("stopped");
  return 0;
}

}  // namespace weir::server
