// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/archive_objects.h"

namespace weir::dagmanager {

Result<void> write_object(ArchiveStore& archive, const std::string& name, std::string_view bytes) {
  WEIR_TRY(const auto writer, archive.begin(name));
  WEIR_CHECK(writer->append(bytes));
  return writer->finish();
}

Result<std::string> read_object(ArchiveStore& archive, const std::string& name) {
  std::string bytes;
  WEIR_CHECK(archive.read(name, [&](std::string_view piece) -> Result<void> {
    bytes += piece;
    return {};
  }));
  return bytes;
}

Result<void> compare_object(ArchiveStore& archive, const std::string& name,
                            std::string_view bytes) {
  WEIR_TRY(const std::string kept, read_object(archive, name));
  if (kept != bytes) return archive_differs(name);
  return {};
}

Error archive_differs(const std::string& name) {
  return {Code::DataLoss, "archive_differs", name + " reads back other than it was written"};
}

}  // namespace weir::dagmanager
