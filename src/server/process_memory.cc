// SPDX-License-Identifier: Apache-2.0
#include "server/process_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "server/limits.h"

namespace weir::server {

void share_heaps() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, kHeapsMax);
#endif
}

void give_back_freed_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace weir::server
