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
  const std::deque<Queued> queued = std::exchange(queued_, {});
  if (queued.empty()) return std::vector<Rows>();
  std::vector<Request> requests;
  requests.reserve(queued.size());
  for (const Queued& item : queued) {
    const bool named = item.statement.name != nullptr;
    requests.push_back({.statement = named ? &item.statement : nullptr,
                        .sql = named ? nullptr : item.sql.c_str(),
                        .params = &item.params,
                        .kind = item.kind});
  }
  return connection_.run(requests, meanwhile);
}

}  // namespace weir::postgres
