// SPDX-License-Identifier: Apache-2.0
#include "drivers/duckdb/library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "drivers/process/own_program.h"

namespace weir::duckdb {
namespace {

/// Finds functions by name; remembers the first that is not there.
class Symbols {
 public:
  explicit Symbols(void* library) : library_(library) {}

  template <class Function>
  void find(const char* name, Function& into) {
    void* symbol = dlsym(library_, name);
    if (symbol == nullptr && missing_.empty()) missing_ = name;
    into = reinterpret_cast<Function>(symbol);
  }
  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

void find_session(Symbols& symbols, c_api::Functions& to) {
  symbols.find("duckdb_library_version", to.library_version);
  symbols.find("duckdb_vector_size", to.vector_size);
  symbols.find("duckdb_free", to.free);
  symbols.find("duckdb_create_config", to.create_config);
  symbols.find("duckdb_set_config", to.set_config);
  symbols.find("duckdb_destroy_config", to.destroy_config);
  symbols.find("duckdb_open_ext", to.open_ext);
  symbols.find("duckdb_close", to.close);
  symbols.find("duckdb_connect", to.connect);
  symbols.find("duckdb_disconnect", to.disconnect);
}

void find_statements(Symbols& symbols, c_api::Functions& to) {
  symbols.find("duckdb_prepare", to.prepare);
  symbols.find("duckdb_prepare_error", to.prepare_error);
  symbols.find("duckdb_destroy_prepare", to.destroy_prepare);
  symbols.find("duckdb_bind_boolean", to.bind_boolean);
  symbols.find("duckdb_bind_int64", to.bind_int64);
  symbols.find("duckdb_bind_double", to.bind_double);
  symbols.find("duckdb_bind_varchar_length", to.bind_varchar_length);
  symbols.find("duckdb_bind_null", to.bind_null);
  symbols.find("duckdb_execute_prepared", to.execute_prepared);
  symbols.find("duckdb_destroy_result", to.destroy_result);
  symbols.find("duckdb_result_error", to.result_error);
  symbols.find("duckdb_result_error_type", to.result_error_type);
  symbols.find("duckdb_column_count", to.column_count);
  symbols.find("duckdb_column_name", to.column_name);
  symbols.find("duckdb_column_type", to.column_type);
  symbols.find("duckdb_fetch_chunk", to.fetch_chunk);
}

void find_chunks(Symbols& symbols, c_api::Functions& to) {
  symbols.find("duckdb_create_logical_type", to.create_logical_type);
  symbols.find("duckdb_create_decimal_type", to.create_decimal_type);
  symbols.find("duckdb_destroy_logical_type", to.destroy_logical_type);
  symbols.find("duckdb_create_data_chunk", to.create_data_chunk);
  symbols.find("duckdb_destroy_data_chunk", to.destroy_data_chunk);
  symbols.find("duckdb_data_chunk_reset", to.data_chunk_reset);
  symbols.find("duckdb_data_chunk_get_size", to.data_chunk_get_size);
  symbols.find("duckdb_data_chunk_set_size", to.data_chunk_set_size);
  symbols.find("duckdb_data_chunk_get_vector", to.data_chunk_get_vector);
  symbols.find("duckdb_vector_get_data", to.vector_get_data);
  symbols.find("duckdb_vector_get_validity", to.vector_get_validity);
  symbols.find("duckdb_vector_ensure_validity_writable", to.vector_ensure_validity_writable);
  symbols.find("duckdb_vector_assign_string_element_len", to.vector_assign_string_element_len);
  symbols.find("duckdb_appender_create", to.appender_create);
  symbols.find("duckdb_appender_error", to.appender_error);
  symbols.find("duckdb_append_data_chunk", to.append_data_chunk);
  symbols.find("duckdb_appender_flush", to.appender_flush);
  symbols.find("duckdb_appender_destroy", to.appender_destroy);
}

/// The folder of the running program, or empty.
std::string program_folder() {
  const std::string program = process::own_program();
  return program.substr(0, program.rfind('/'));
}

Error unsuitable(std::string message) {
  return base::failed_precondition("engine_unsuitable", std::move(message));
}

Error missing(std::string message) {
  return base::unavailable("engine_missing", std::move(message) + "; scripts/duckdb fetches it");
}

}  // namespace

Result<std::shared_ptr<const Library>> Library::load(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  // dlerror() may be null only after success.
  if (handle == nullptr) return missing("cannot load DuckDB's library: " + std::string(dlerror()));
  auto library = std::shared_ptr<Library>(new Library);
  Symbols symbols(handle);
  find_session(symbols, library->functions_);
  find_statements(symbols, library->functions_);
  find_chunks(symbols, library->functions_);
  if (!symbols.missing().empty()) return unsuitable("DuckDB's library lacks " + symbols.missing());
  const std::string version = library->functions_.library_version();
  if (version != kVersion) {
    return unsuitable("DuckDB's library is " + version + ", not " + std::string(kVersion));
  }
  return std::shared_ptr<const Library>(std::move(library));
}

Result<std::string> find_library(std::string_view named) {
  std::vector<std::string> places;
  if (!named.empty()) {
    places.emplace_back(named);
  } else {
    if (const std::string folder = program_folder(); !folder.empty()) {
      places.push_back(folder + "/libduckdb.so");
      places.push_back(folder + "/../lib/weir/libduckdb.so");
    }
    places.emplace_back(WEIR_DUCKDB_FETCHED);
  }
  for (const std::string& place : places) {
    if (access(place.c_str(), R_OK) == 0) return place;
  }
  return missing("there is no libduckdb.so");
}

}  // namespace weir::duckdb
