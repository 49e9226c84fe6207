// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/lines_file.h"

#include <utility>

#include "operators/failure.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{1} << 20;

}  // namespace

Result<LinesFile> LinesFile::open(const std::string& path, std::vector<Column> columns) {
  WEIR_TRY(auto file, make_file(path));
  return LinesFile(std::move(file), std::move(columns));
}

Result<void> LinesFile::add(const Row& row) {
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

Result<void> LinesFile::flush() {
  bytes_ += text_.size();
  if (bytes_ > kIngestBytesMax) {
    return fatal_error("source_too_large", "as JSON the rows are more than 4 GiB");
  }
  WEIR_CHECK(append_bytes(file_.number(), text_));
  text_.clear();
  return {};
}

}  // namespace weir::operators
