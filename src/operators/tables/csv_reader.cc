// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "operators/limits.h"
#include "operators/tables/row_reader.h"

namespace weir::operators {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Most fields are short and plain: for these a look at each byte is the quickest.
bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

/// One field of a record; its text stands in the record's buffer.
struct Field {
  std::size_t at = 0;
  std::size_t size = 0;
  bool quoted = false;
};

/// Cuts bytes into records of fields. Fields are kept unquoted, one behind the other.
class CsvRecords {
 public:
  CsvRecords(FileBytes& bytes, std::string file, char delimiter)
      : bytes_(bytes), file_(std::move(file)), delimiter_(delimiter) {}

  /// The next record; false at the end.
  Result<bool> next() {
    fields_.clear();
    text_.clear();
    first_line_ = line_;
    WEIR_TRY(std::optional<char> c, peek());
    if (!c) return false;
    for (;;) {
      WEIR_TRY(const bool more, field());
      if (!more) break;
    }
    return true;
  }

  std::size_t size() const { return fields_.size(); }
  std::string_view text(std::size_t i) const {
    return std::string_view(text_).substr(fields_[i].at, fields_[i].size);
  }
  bool quoted(std::size_t i) const { return fields_[i].quoted; }
  std::int64_t line() const { return first_line_; }
  const std::string& file() const { return file_; }

 private:
  Error fault(std::string_view what) const { return source_invalid(file_, line_, what); }

  Result<std::optional<char>> peek() {
    if (at_ == block_.size()) {
      WEIR_TRY(block_, bytes_.next());
      at_ = 0;
      if (!begun_ && block_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
      begun_ = true;
      if (at_ == block_.size()) return std::optional<char>();
    }
    return std::optional<char>(block_[at_]);
  }

  /// Takes bytes up to the next that may mean something.
  void take_plain(bool quoted) {
    const std::size_t from = at_;
    while (at_ < block_.size()) {
      const char c = block_[at_];
      if (c == '"' || (quoted ? c == '\n' : (c == delimiter_ || c == '\n' || c == '\r'))) break;
      ++at_;
    }
    text_.append(block_.substr(from, at_ - from));
  }

  Result<void> bounded() const {
    if (text_.size() <= kRowBytesMax) return {};
    return fault("a row is larger than 16 MiB");
  }

  /// Reads one field; whether another of the same record follows.
  Result<bool> field() {
    Field now{.at = text_.size()};
    WEIR_TRY(std::optional<char> c, peek());
    if (c == '"') {
      now.quoted = true;
      ++at_;
      WEIR_CHECK(quoted_text());
      WEIR_TRY(c, peek());
    } else {
      while (c && *c != delimiter_ && *c != '\n' && *c != '\r') {
        if (*c == '"') return fault("a quote in a field that is not quoted");
        take_plain(/*quoted=*/false);
        WEIR_CHECK(bounded());
        WEIR_TRY(c, peek());
      }
    }
    now.size = text_.size() - now.at;
    const std::string_view text = std::string_view(text_).substr(now.at);
    if (!is_ascii(text) && !base::is_utf8(text)) return fault("not UTF-8");
    fields_.push_back(now);
    if (fields_.size() > kColumnsMax) return fault("too many fields");
    return end_of_field(c);
  }

  /// The text behind an opening quote, up to the closing one.
  Result<void> quoted_text() {
    for (;;) {
      WEIR_TRY(std::optional<char> c, peek());
      if (!c) return fault("a quoted field has no end");
      if (*c == '\n') {
        ++line_;
        ++at_;
        text_ += '\n';
      } else if (*c == '"') {
        ++at_;
        WEIR_TRY(c, peek());
        if (c != '"') return {};
        ++at_;
        text_ += '"';
      } else {
        take_plain(/*quoted=*/true);
      }
      WEIR_CHECK(bounded());
    }
  }

  Result<bool> end_of_field(std::optional<char> c) {
    if (!c) return false;
    ++at_;
    if (*c == delimiter_) return true;
    if (*c == '\r') {
      WEIR_TRY(c, peek());
      if (c != '\n') return fault("a carriage return without a line feed");
      ++at_;
      ++line_;
      return false;
    }
    if (*c != '\n') return fault("text behind a closing quote");
    ++line_;
    return false;
  }

  FileBytes& bytes_;
  const std::string file_;
  const char delimiter_;
  std::string_view block_;
  std::size_t at_ = 0;
  bool begun_ = false;
  std::string text_;
  std::vector<Field> fields_;
  std::int64_t line_ = 1;
  std::int64_t first_line_ = 1;
};

class CsvReader final : public RowReader {
 public:
  CsvReader(FileBytes& bytes, std::string file, CsvDialect dialect,
            const std::vector<Column>& columns)
      : records_(bytes, std::move(file), dialect.delimiter),
        dialect_(std::move(dialect)),
        columns_(columns) {
    for (std::size_t i = 0; i < columns_.size(); ++i) order_.push_back(i);
  }

  Result<bool> next(Row& row) override {
    if (dialect_.header && !header_read_) WEIR_CHECK(read_header());
    WEIR_TRY(const bool more, records_.next());
    if (!more) return false;
    if (records_.size() != columns_.size()) {
      return fault(std::to_string(records_.size()) + " fields, not " +
                   std::to_string(columns_.size()));
    }
    row.resize(columns_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) WEIR_CHECK(read_field(i, row[order_[i]]));
    return true;
  }
  std::int64_t line() const override { return records_.line(); }

 private:
  Error fault(std::string_view what) const {
    return source_invalid(records_.file(), records_.line(), what);
  }

  /// Which column each field is.
  Result<void> read_header() {
    header_read_ = true;
    WEIR_TRY(const bool more, records_.next());
    if (!more) return fault("there is no line of column names");
    order_.clear();
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const auto column = std::ranges::find(columns_, records_.text(i), &Column::name);
      if (column == columns_.end()) {
        return fault("unknown column " + std::string(records_.text(i)));
      }
      const auto number = static_cast<std::size_t>(column - columns_.begin());
      if (std::ranges::find(order_, number) != order_.end()) {
        return fault("column " + column->name + " is there twice");
      }
      order_.push_back(number);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (std::ranges::find(order_, i) == order_.end()) {
        return fault("column " + columns_[i].name + " is missing");
      }
    }
    return {};
  }

  Result<void> read_field(std::size_t i, Value& into) const {
    const Column& column = columns_[order_[i]];
    const std::string_view text = records_.text(i);
    if (!records_.quoted(i) && text == dialect_.null_text) {
      if (!column.nullable) return fault("column " + column.name + " must not be null");
      into = std::monostate();
      return {};
    }
    auto value = cell_of_text(column.type, text);
    if (!value) {
      return fault("column " + column.name + " is no " + std::string(type_word(column.type)));
    }
    into = *std::move(value);
    return {};
  }

  CsvRecords records_;
  const CsvDialect dialect_;
  const std::vector<Column>& columns_;
  std::vector<std::size_t> order_;  // column of each field
  bool header_read_ = false;
};

}  // namespace

std::unique_ptr<RowReader> read_csv(FileBytes& bytes, std::string file, CsvDialect dialect,
                                    const std::vector<Column>& columns) {
  return std::make_unique<CsvReader>(bytes, std::move(file), std::move(dialect), columns);
}

}  // namespace weir::operators
