// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The part of DuckDB's C interface that is used here, declared after its documentation
/// (duckdb.org/docs/stable/clients/c/api): functions that DuckDB calls stable. `library.cc` finds
/// them by name in the pinned library.
namespace weir::duckdb::c_api {

using Database = struct DatabaseTag*;
using Connection = struct ConnectionTag*;
using Config = struct ConfigTag*;
using Statement = struct StatementTag*;
using Appender = struct AppenderTag*;
using DataChunk = struct DataChunkTag*;
using Vector = struct VectorTag*;
using LogicalType = struct LogicalTypeTag*;
using Index = std::uint64_t;

/// 0 success, 1 error.
using State = int;
inline constexpr State kSuccess = 0;

/// `duckdb_result`: passed by value in places, so its size is part of the interface.
struct RawResult {
  Index column_count;
  Index row_count;
  Index rows_changed;
  void* columns;
  char* error_message;
  void* internal_data;
};

/// `duckdb_string_t`: up to 12 bytes stand in it, longer ones elsewhere.
struct RawText {
  static constexpr std::uint32_t kInlineBytes = 12;
  std::uint32_t length;
  char prefix[4];
  union {
    char* pointer;
    char rest[8];
  };
};

/// `duckdb_hugeint`: 128 bits, two's complement.
struct RawHuge {
  std::uint64_t lower;
  std::int64_t upper;
};

/// `duckdb_type`.
enum class Type : int {
  Boolean = 1,
  BigInt = 5,
  Double = 11,
  Date = 13,
  Text = 17,
  Blob = 18,
  Decimal = 19,
  Uuid = 27,
  Instant = 31,
};

/// `duckdb_error_type`: those that are told apart.
inline constexpr int kErrorIo = 28;
inline constexpr int kErrorOutOfMemory = 33;
inline constexpr int kErrorPermission = 34;
inline constexpr int kErrorInterrupt = 29;
inline constexpr int kErrorFatal = 30;
inline constexpr int kErrorInternal = 31;

/// Pointers to the functions `duckdb_<name>`.
struct Functions {
  const char* (*library_version)();
  Index (*vector_size)();
  void (*free)(void*);
  State (*create_config)(Config*);
  State (*set_config)(Config, const char*, const char*);
  void (*destroy_config)(Config*);
  State (*open_ext)(const char*, Database*, Config, char**);
  void (*close)(Database*);
  State (*connect)(Database, Connection*);
  void (*disconnect)(Connection*);
  State (*prepare)(Connection, const char*, Statement*);
  const char* (*prepare_error)(Statement);
  void (*destroy_prepare)(Statement*);
  State (*bind_boolean)(Statement, Index, bool);
  State (*bind_int64)(Statement, Index, std::int64_t);
  State (*bind_double)(Statement, Index, double);
  State (*bind_varchar_length)(Statement, Index, const char*, Index);
  State (*bind_null)(Statement, Index);
  State (*execute_prepared)(Statement, RawResult*);
  void (*destroy_result)(RawResult*);
  const char* (*result_error)(RawResult*);
  int (*result_error_type)(RawResult*);
  Index (*column_count)(RawResult*);
  const char* (*column_name)(RawResult*, Index);
  int (*column_type)(RawResult*, Index);
  DataChunk (*fetch_chunk)(RawResult);
  LogicalType (*create_logical_type)(int);
  LogicalType (*create_decimal_type)(std::uint8_t, std::uint8_t);
  void (*destroy_logical_type)(LogicalType*);
  DataChunk (*create_data_chunk)(LogicalType*, Index);
  void (*destroy_data_chunk)(DataChunk*);
  void (*data_chunk_reset)(DataChunk);
  Index (*data_chunk_get_size)(DataChunk);
  void (*data_chunk_set_size)(DataChunk, Index);
  Vector (*data_chunk_get_vector)(DataChunk, Index);
  void* (*vector_get_data)(Vector);
  std::uint64_t* (*vector_get_validity)(Vector);
  void (*vector_ensure_validity_writable)(Vector);
  void (*vector_assign_string_element_len)(Vector, Index, const char*, Index);
  State (*appender_create)(Connection, const char*, const char*, Appender*);
  const char* (*appender_error)(Appender);
  State (*append_data_chunk)(Appender, DataChunk);
  State (*appender_flush)(Appender);
  State (*appender_destroy)(Appender*);
};

}  // namespace weir::duckdb::c_api
