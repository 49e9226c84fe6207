// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/library.h"
#include "drivers/duckdb/limits.h"
#include "drivers/duckdb/values.h"

/// DuckDB in memory, for a process that ends with its work: never in a server's process, since a
/// fault of the engine ends whoever runs it.
///
/// Errors of statements: UNAVAILABLE `engine_failed` (I/O, the engine itself), RESOURCE_EXHAUSTED
/// `engine_memory`, PERMISSION_DENIED `engine_denied` (a file it may not touch), INVALID_ARGUMENT
/// `engine_refused` (the statement, or what is in the data). Messages are the engine's, in one
/// line, without what it quotes of the statement.
namespace weir::duckdb {

struct EngineOptions {
  std::uint64_t memory_bytes = kMemoryBytes;
  int threads = kThreads;
  std::string spill_folder;  ///< a private folder; what does not fit into memory goes there
  /// Folders below which files may be read and written; nothing else of the machine may be touched.
  std::vector<std::string> folders = {};
};

/// Quotes a name or a text for SQL.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);

class TableWriter;

/// What a SELECT gives, chunk by chunk. Used by one thread; the engine must outlive it.
class Rows {
 public:
  ~Rows();
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) = delete;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  std::size_t columns() const;
  std::string column(std::size_t number) const;
  /// The next rows; none at the end. Columns of other types than boolean, bigint, double, text,
  /// blob, date and timestamptz are `engine_refused`: cast them in the statement.
  Result<std::vector<Row>> next();

 private:
  friend class Engine;
  Rows(std::shared_ptr<const Library> library, const c_api::RawResult& result)
      : library_(std::move(library)), result_(result) {}

  std::shared_ptr<const Library> library_;
  c_api::RawResult result_;
};

/// An engine in memory with one connection, its configuration locked. Used by one thread.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(std::shared_ptr<const Library> library,
                                              const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Runs one statement with parameters `$1`, `$2`, …: boolean, bigint, double, text or null.
  Result<Rows> query(const std::string& sql, std::span<const Value> parameters = {});
  /// The same where no rows are wanted.
  Result<void> run(const std::string& sql, std::span<const Value> parameters = {});
  /// The one value of a SELECT of one row and one column.
  Result<Value> value(const std::string& sql, std::span<const Value> parameters = {});

 private:
  friend class TableWriter;
  explicit Engine(std::shared_ptr<const Library> library) : library_(std::move(library)) {}
  Result<void> configure(const EngineOptions& options);

  std::shared_ptr<const Library> library_;
  c_api::Database database_ = nullptr;
  c_api::Connection connection_ = nullptr;
};

/// Fills a table, row by row. Used by one thread; the engine must outlive it.
class TableWriter {
 public:
  /// The table must have columns of exactly these types.
  static Result<std::unique_ptr<TableWriter>> open(Engine& engine, const std::string& table,
                                                   std::vector<ColumnType> types);
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// A value that is not of its column's type is a fault of the caller (INTERNAL).
  Result<void> add(const Row& row);
  /// Brings what was added into the table.
  Result<void> flush();

 private:
  TableWriter(Engine& engine, std::vector<ColumnType> types);
  Result<void> send();
  bool put(std::size_t column, const Value& value);
  Error failed();

  const c_api::Functions& api_;
  const std::vector<ColumnType> types_;
  c_api::Appender appender_ = nullptr;
  c_api::DataChunk chunk_ = nullptr;
  std::vector<c_api::Vector> vectors_;
  std::vector<void*> data_;
  std::size_t rows_ = 0;
};

}  // namespace weir::duckdb
