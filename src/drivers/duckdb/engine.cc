// SPDX-License-Identifier: Apache-2.0
#include "drivers/duckdb/engine.h"

#include <array>
#include <utility>

#include "base/assert.h"
#include "drivers/duckdb/faults.h"

namespace weir::duckdb {
namespace {

/// A statement, prepared.
class Prepared {
 public:
  explicit Prepared(const c_api::Functions& api) : api_(api) {}
  ~Prepared() { api_.destroy_prepare(&statement_); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  Result<void> prepare(c_api::Connection connection, const std::string& sql) {
    if (api_.prepare(connection, sql.c_str(), &statement_) == c_api::kSuccess) return {};
    return fault_of_message(api_.prepare_error(statement_));
  }

  Result<void> bind(std::span<const Value> parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (bind_one(i + 1, parameters[i]) != c_api::kSuccess) {
        return base::internal("parameter " + std::to_string(i + 1) + " cannot be bound");
      }
    }
    return {};
  }

  c_api::State execute(c_api::RawResult* result) {
    return api_.execute_prepared(statement_, result);
  }

 private:
  c_api::State bind_one(c_api::Index number, const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      return api_.bind_boolean(statement_, number, *flag);
    }
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      return api_.bind_int64(statement_, number, *whole);
    }
    if (const auto* real = std::get_if<double>(&value)) {
      return api_.bind_double(statement_, number, *real);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
      return api_.bind_varchar_length(statement_, number, text->data(), text->size());
    }
    if (std::holds_alternative<std::monostate>(value)) return api_.bind_null(statement_, number);
    return 1;
  }

  const c_api::Functions& api_;
  c_api::Statement statement_ = nullptr;
};

/// A configuration of an engine that is about to open.
class Settings {
 public:
  explicit Settings(const c_api::Functions& api) : api_(api) {
    if (api_.create_config(&config_) != c_api::kSuccess) config_ = nullptr;
  }
  ~Settings() { api_.destroy_config(&config_); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  bool set(const char* name, const std::string& value) {
    return config_ != nullptr && api_.set_config(config_, name, value.c_str()) == c_api::kSuccess;
  }
  c_api::Config get() const { return config_; }

 private:
  const c_api::Functions& api_;
  c_api::Config config_ = nullptr;
};

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + "MiB"; }

}  // namespace

std::string quote_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + '\'';
}

Result<std::unique_ptr<Engine>> Engine::open(std::shared_ptr<const Library> library,
                                             const EngineOptions& options) {
  auto engine = std::unique_ptr<Engine>(new Engine(std::move(library)));
  const c_api::Functions& api = engine->library_->functions();
  Settings settings(api);
  const bool set = settings.set("memory_limit", megabytes(options.memory_bytes)) &&
                   settings.set("threads", std::to_string(options.threads)) &&
                   settings.set("temp_directory", options.spill_folder) &&
                   settings.set("max_temp_directory_size", megabytes(kSpillBytes)) &&
                   settings.set("autoinstall_known_extensions", "false") &&
                   settings.set("autoload_known_extensions", "false");
  if (!set) return base::internal("DuckDB refuses a setting");
  char* problem = nullptr;
  if (api.open_ext(":memory:", &engine->database_, settings.get(), &problem) != c_api::kSuccess) {
    const Error fault = fault_of_message(problem);
    api.free(problem);
    return fault;
  }
  if (api.connect(engine->database_, &engine->connection_) != c_api::kSuccess) {
    return base::internal("DuckDB refuses a connection");
  }
  WEIR_CHECK(engine->configure(options));
  return engine;
}

Result<void> Engine::configure(const EngineOptions& options) {
  WEIR_CHECK(run("SET TimeZone='UTC'"));
  if (!options.folders.empty()) {
    std::string list;
    for (const std::string& folder : options.folders) {
      if (!list.empty()) list += ',';
      list += quote_text(folder.ends_with('/') ? folder : folder + '/');
    }
    WEIR_CHECK(run("SET allowed_directories=[" + list + "]"));
  }
  WEIR_CHECK(run("SET enable_external_access=false"));
  return run("SET lock_configuration=true");
}

Engine::~Engine() {
  const c_api::Functions& api = library_->functions();
  if (connection_ != nullptr) api.disconnect(&connection_);
  if (database_ != nullptr) api.close(&database_);
}

Result<Rows> Engine::query(const std::string& sql, std::span<const Value> parameters) {
  const c_api::Functions& api = library_->functions();
  Prepared statement(api);
  WEIR_CHECK(statement.prepare(connection_, sql));
  WEIR_CHECK(statement.bind(parameters));
  c_api::RawResult result{};
  if (statement.execute(&result) != c_api::kSuccess) {
    const Error fault = fault_of(api.result_error_type(&result), api.result_error(&result));
    api.destroy_result(&result);
    return fault;
  }
  return Rows(library_, result);
}

Result<void> Engine::run(const std::string& sql, std::span<const Value> parameters) {
  WEIR_TRY(const Rows rows, query(sql, parameters));
  return {};
}

Result<Value> Engine::value(const std::string& sql, std::span<const Value> parameters) {
  WEIR_TRY(Rows rows, query(sql, parameters));
  WEIR_TRY(const auto chunk, rows.next());
  if (chunk.size() != 1 || chunk.front().size() != 1) return base::internal("not one value");
  return chunk.front().front();
}

}  // namespace weir::duckdb
