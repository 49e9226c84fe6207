// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"
#include "server/process_memory.h"

int main(int argc, char** argv) {
  weir::server::share_heaps();
  return weir::cli::run(argc, argv);
}
