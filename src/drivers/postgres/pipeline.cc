// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/pipeline.h"

#include <utility>

namespace weir::postgres {

std::size_t Pipeline::begin() { return push({{}, "BEGIN", {}, Request::Kind::Begin}); }

std::size_t Pipeline::add(const Statement& statement, Params params) {
  return push({statement, {}, std::move(params), Request::Kind::Plain});
}

std::size_t Pipeline::add(std::string sql, Params params) {
  return push({{}, std::move(sql), std::move(params), Request::Kind::Plain});
}

std::size_t Pipeline::commit() { return push({{}, "COMMIT", {}, Request::Kind::Commit}); }

std::size_t Pipeline::push(Queued queued) {
  queued_.push_back(std::move(queued));
  return queued_.size() - 1;
}

Result<std::vector<Rows>> Pipeline::run(const std::function<void()>& meanwhile) {
  if (queued_.empty()) return std::vector<Rows>();
  WEIR_CHECK(start());
  if (meanwhile) meanwhile();
  return finish();
}

Result<void> Pipeline::start(bool more) {
  list_requests();
  auto started = connection_.start(requests_, more);
  if (!started.ok()) queued_.clear();
  return started;
}

Result<void> Pipeline::extend() {
  list_requests();
  return connection_.extend(requests_);
}

void Pipeline::list_requests() {
  requests_.clear();
  requests_.reserve(queued_.size());
  for (const Queued& item : queued_) {
    const bool named = item.statement.name != nullptr;
    requests_.push_back({.statement = named ? &item.statement : nullptr,
                         .sql = named ? nullptr : item.sql.c_str(),
                         .params = &item.params,
                         .kind = item.kind});
  }
}

Result<std::vector<Rows>> Pipeline::finish() {
  auto results = connection_.finish();
  queued_.clear();
  return results;
}

}  // namespace weir::postgres
