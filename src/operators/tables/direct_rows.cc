// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "operators/tables/row_writer.h"
#include "storage/byte_source.h"

namespace weir::operators {

Result<std::unique_ptr<DirectRows>> DirectRows::open(const WorkFolder& work,
                                                     std::vector<Column> columns) {
  WEIR_TRY(auto lines, LinesFile::open(work.file("rows.jsonl"), std::move(columns)));
  return std::unique_ptr<DirectRows>(new DirectRows(std::move(lines)));
}

Result<RowsWritten> DirectRows::finish(TaskApi& api, const RowsTarget& target) {
  WEIR_CHECK(lines_.flush());
  WEIR_TRY(auto source, storage::FileSource::of(lines_.number()));
  return api.put_rows(target, RowsFormat::JsonLines, source);
}

}  // namespace weir::operators
