// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/uuid.h"

/// Object prefixes of a capability (section 3.1): `s3://bucket/prefix/` or `file:///folder/`, in
/// one spelling, so that comparing bytes is comparing places.
namespace weir::auth {

/// Whether a prefix is canonical: it has something behind its root, ends in `/`, and has no empty,
/// `.` or `..` segment, no wildcard, no backslash, no control character, and no percent spelling of
/// a dot, slash or backslash.
bool is_canonical_prefix(std::string_view prefix);

/// Whether `uri` names an object under `prefix`: canonical like a prefix, but with a name at its
/// end. A prefix that is not canonical holds nothing.
bool is_under(std::string_view uri, std::string_view prefix);

/// Which task and attempt a place belongs to.
struct AttemptRef {
  Uuid task_id;
  std::int32_t attempt = 0;

  friend bool operator==(const AttemptRef&, const AttemptRef&) = default;
};

/// Whether a prefix ends in `/_staging/<task_id>/<attempt>/` or `/scratch/<task_id>/<attempt>/`.
bool is_own_prefix(std::string_view prefix, const AttemptRef& owner);
bool is_own_scratch(std::string_view prefix, const AttemptRef& owner);

}  // namespace weir::auth
