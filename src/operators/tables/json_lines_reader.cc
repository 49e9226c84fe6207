// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "operators/limits.h"
#include "operators/tables/row_reader.h"

namespace weir::operators {
namespace {

constexpr std::string_view kOwnPrefix = "_weir_";

class JsonLinesReader final : public RowReader {
 public:
  JsonLinesReader(FileBytes& bytes, std::string file, const std::vector<Column>& columns)
      : bytes_(bytes), file_(std::move(file)), columns_(columns) {}

  Result<bool> next(Row& row) override {
    WEIR_TRY(const bool more, read_line());
    if (!more) return false;
    const auto document =
        JsonDocument::parse(text_, {.depth_max = kPayloadDepthMax, .bytes_max = kRowBytesMax});
    if (!document.ok() || !document->root().is_object()) return fault("no JSON object");
    row.assign(columns_.size(), Value());
    seen_.assign(columns_.size(), false);
    for (const JsonValue member : document->root()) WEIR_CHECK(read_member(member, row));
    const auto missing = std::ranges::find(seen_, false);
    if (missing != seen_.end()) {
      const auto number = static_cast<std::size_t>(missing - seen_.begin());
      return fault("column " + columns_[number].name + " is missing");
    }
    return true;
  }
  std::int64_t line() const override { return line_; }

 private:
  Error fault(std::string_view what) const { return source_invalid(file_, line_, what); }

  /// The next line into text_, without its end; false if there is none.
  Result<bool> read_line() {
    text_.clear();
    ++line_;
    bool any = false;
    for (;;) {
      if (at_ == block_.size()) {
        WEIR_TRY(block_, bytes_.next());
        at_ = 0;
        if (block_.empty()) break;
      }
      any = true;
      const std::size_t end = block_.find('\n', at_);
      text_.append(block_.substr(at_, end == std::string_view::npos ? end : end - at_));
      at_ = end == std::string_view::npos ? block_.size() : end + 1;
      if (text_.size() > kRowBytesMax) return fault("a row is larger than 16 MiB");
      if (end != std::string_view::npos) break;
    }
    if (text_.ends_with('\r')) text_.pop_back();
    return any;
  }

  Result<void> read_member(JsonValue member, Row& row) {
    const auto column = std::ranges::find(columns_, member.key(), &Column::name);
    if (column == columns_.end()) {
      if (member.key().starts_with(kOwnPrefix)) return {};
      return fault("unknown column " + std::string(member.key()));
    }
    const auto number = static_cast<std::size_t>(column - columns_.begin());
    if (seen_[number]) return fault("column " + column->name + " is there twice");
    seen_[number] = true;
    if (member.is_null()) {
      if (!column->nullable) return fault("column " + column->name + " must not be null");
      return {};
    }
    auto value = cell_of_json(column->type, member);
    if (!value) {
      return fault("column " + column->name + " is no " + std::string(type_word(column->type)));
    }
    row[number] = *std::move(value);
    return {};
  }

  FileBytes& bytes_;
  const std::string file_;
  const std::vector<Column>& columns_;
  std::string_view block_;
  std::size_t at_ = 0;
  std::string text_;
  std::vector<bool> seen_;
  std::int64_t line_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> read_json_lines(FileBytes& bytes, std::string file,
                                           const std::vector<Column>& columns) {
  return std::make_unique<JsonLinesReader>(bytes, std::move(file), columns);
}

}  // namespace weir::operators
