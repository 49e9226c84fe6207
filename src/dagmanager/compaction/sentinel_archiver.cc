// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/compaction/sentinel_archiver.h"

#include "base/blake3.h"
#include "base/crash_point.h"
#include "dagmanager/ports/queues/archive_objects.h"

namespace weir::dagmanager {

Result<ArchivedSentinel> SentinelArchiver::archive(const SentinelRecord& sentinel,
                                                   const std::string& text) {
  WEIR_TRY(const std::string name, name_for(sentinel));
  ArchivedSentinel archived{.object = name + ".json",
                            .checksum = "blake3:" + base::blake3_hex(text)};
  const std::string sum = archived.checksum + ' ' + std::to_string(text.size()) + '\n';
  WEIR_CHECK(write_object(archive_, archived.object, text));
  WEIR_CRASH_POINT("compact.exported");
  WEIR_CHECK(write_object(archive_, archived.object + ".checksum", sum));
  WEIR_CRASH_POINT("compact.checksum");
  WEIR_CHECK(compare_object(archive_, archived.object, text));
  WEIR_CHECK(compare_object(archive_, archived.object + ".checksum", sum));
  return archived;
}

Result<std::string> SentinelArchiver::name_for(const SentinelRecord& sentinel) {
  const auto there = read_object(archive_, export_name(sentinel) + ".json");
  if (there.ok() && !there->starts_with(export_head(sentinel))) return later_export_name(sentinel);
  if (!there.ok() && there.error().code() != Code::NotFound) return there.error();
  return export_name(sentinel);
}

}  // namespace weir::dagmanager
