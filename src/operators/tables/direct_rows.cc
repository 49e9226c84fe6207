// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "operators/failure.h"
#include "operators/json_line.h"
#include "operators/limits.h"
#include "operators/tables/row_writer.h"
#include "storage/byte_source.h"

namespace weir::operators {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{1} << 20;

}  // namespace

Result<std::unique_ptr<DirectRows>> DirectRows::open(const WorkFolder& work,
                                                     std::vector<Column> columns) {
  WEIR_TRY(auto file, make_file(work.file("rows.jsonl")));
  return std::unique_ptr<DirectRows>(new DirectRows(std::move(file), std::move(columns)));
}

Result<void> DirectRows::add(const Row& row) {
  text_ += '{';
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) text_ += ',';
    base::append_json_text(text_, columns_[i].name);
    text_ += ':';
    append_cell(text_, columns_[i].type, row[i]);
  }
  text_ += "}\n";
  ++rows_;
  if (text_.size() >= kFlushBytes) return flush();
  return {};
}

Result<void> DirectRows::flush() {
  bytes_ += text_.size();
  if (bytes_ > kIngestBytesMax) {
    return fatal_error("source_too_large", "the rows are more than 4 GiB");
  }
  WEIR_CHECK(append_bytes(file_.number(), text_));
  text_.clear();
  return {};
}

Result<RowsWritten> DirectRows::finish(TaskApi& api, const RowsTarget& target) {
  WEIR_CHECK(flush());
  WEIR_TRY(auto source, storage::FileSource::of(file_.number()));
  return api.put_rows(target, RowsFormat::JsonLines, source);
}

}  // namespace weir::operators
