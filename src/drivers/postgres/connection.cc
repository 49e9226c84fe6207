// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/assert.h"
#include "drivers/postgres/session.h"

namespace weir::postgres {
namespace {

constexpr std::size_t kNameBytesMax = 63;  // NAMEDATALEN - 1: longer names would be cut.
constexpr int kBinary = 1;
constexpr int kSyncRepliesMax = 4;
constexpr int kTakenWithinMs = 2;  // How long a server that reads may take to come back for more.
constexpr int kIdleReadsMax = 16;  // Messages of an idle session are few: notices, a farewell.

}  // namespace

/// Parameters in the shape libpq takes them.
struct Connection::WireParams {
  explicit WireParams(const Params& params) {
    const std::size_t count = params.size();
    types.reserve(count);
    values.reserve(count);
    lengths.reserve(count);
    formats.assign(count, kBinary);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = params.value(i);
      types.push_back(static_cast<Oid>(params.type(i)));
      values.push_back(value ? value->data() : nullptr);
      lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    }
  }
  int count() const { return static_cast<int>(types.size()); }

  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

/// A reply that the server owes: to the preparation or the execution of a request, or to the marker
/// that goes ahead of the first.
struct Connection::Expected {
  std::size_t request;
  bool prepares;
  bool marks = false;
};

/// One round trip under way.
struct Connection::Exchange {
  std::span<const Request> requests;
  std::size_t handed_over = 0;  // Of the requests.
  bool synced = false;          // The server was told that there are no more.
  std::vector<Expected> expected = {};
  std::vector<Rows> rows = {};
  Result<void> sent = {};             // What became of handing the requests over.
  std::optional<Error> failure = {};  // Of the first statement that failed.
  bool commits_at_sync = false;       // An implicit transaction that may have written.
  bool in_doubt = false;              // A commit was handed over and nothing heard of it.
  bool committed = false;             // The reply to COMMIT came.
  std::string comment = {};           // Says whose it is; empty once it is said.
  std::unique_ptr<TracedExchange> traced = {};
};

void Connection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }
void Connection::Clear::operator()(pg_result* result) const { PQclear(result); }

Result<std::unique_ptr<Connection>> Connection::connect(const ConnectOptions& options) {
  WEIR_TRY(pg_conn* const session, open_session(options));
  return std::unique_ptr<Connection>(new Connection(session, options));
}

Connection::Connection(pg_conn* connection, const ConnectOptions& options)
    : connection_(connection),
      reply_timeout_(options.reply_timeout),
      mode_(options.statements),
      tracer_(options.tracer) {
  // Notices are dropped, but a farewell of the server that comes between two statements is one.
  PQsetNoticeReceiver(
      connection,
      [](void* self, const PGresult* notice) {
        if (read_failure(notice).fatal) static_cast<Connection*>(self)->broken_ = true;
      },
      this);
}

Connection::~Connection() = default;

Result<Rows> Connection::execute(const Statement& statement, const Params& params) {
  const Request request{.statement = &statement, .params = &params};
  WEIR_TRY(auto rows, run({&request, 1}));
  return std::move(rows.front());
}

Result<Rows> Connection::execute(const std::string& sql, const Params& params) {
  const Request request{.sql = sql.c_str(), .params = &params};
  WEIR_TRY(auto rows, run({&request, 1}));
  return std::move(rows.front());
}

Result<void> Connection::begin() {
  const Request request{.sql = "BEGIN", .kind = Request::Kind::Begin};
  WEIR_CHECK(run({&request, 1}));
  return {};
}

Result<void> Connection::commit() {
  const Request request{.sql = "COMMIT", .kind = Request::Kind::Commit};
  WEIR_CHECK(run({&request, 1}));
  return {};
}

Result<void> Connection::rollback() {
  WEIR_CHECK(execute(std::string("ROLLBACK")));
  return {};
}

Result<std::vector<Rows>> Connection::run(std::span<const Request> requests,
                                          const std::function<void()>& meanwhile) {
  WEIR_CHECK(start(requests));
  if (meanwhile) meanwhile();
  return finish();
}

Result<void> Connection::start(std::span<const Request> requests, bool more) {
  WEIR_ASSERT(!requests.empty() && requests.size() <= kPipelineStatementsMax);
  WEIR_ASSERT(!started());
  last_failure_ = {};
  if (!usable()) return lost("the server closed the connection while it was idle");

  const bool begins = requests.front().kind == Request::Kind::Begin;
  WEIR_ASSERT(!(begins && in_transaction()));
  WEIR_ASSERT(requests.back().kind != Request::Kind::Commit || begins || in_transaction());
  under_way_ = std::make_unique<Exchange>(Exchange{.requests = requests});
  under_way_->rows.resize(requests.size());
  under_way_->commits_at_sync =
      !begins && !in_transaction() && !std::ranges::all_of(requests, [](const Request& request) {
        return only_reads(request.statement != nullptr ? request.statement->sql : request.sql);
      });

  WEIR_ASSERT(!more || begins || in_transaction());

  ++round_trips_;
  Exchange& exchange = *under_way_;
  if (tracer_ != nullptr) trace(exchange);
  exchange.sent = PQenterPipelineMode(connection_.get()) == 0 ? lost_by_libpq() : send(exchange);
  if (exchange.sent.ok() && !more) exchange.sent = send_sync(exchange);
  if (exchange.sent.ok()) exchange.sent = flush_what_is_taken();
  return {};
}

Result<void> Connection::extend(std::span<const Request> requests) {
  WEIR_ASSERT(started() && !under_way_->synced && requests.size() <= kPipelineStatementsMax);
  Exchange& exchange = *under_way_;
  WEIR_ASSERT(requests.size() >= exchange.handed_over);
  exchange.requests = requests;
  exchange.rows.resize(requests.size());
  if (exchange.sent.ok()) exchange.sent = send(exchange);
  if (exchange.sent.ok()) exchange.sent = send_sync(exchange);
  if (exchange.sent.ok()) exchange.sent = flush_what_is_taken();
  return {};
}

Result<std::vector<Rows>> Connection::finish() {
  WEIR_ASSERT(started());
  const std::unique_ptr<Exchange> done = std::move(under_way_);
  Result<std::vector<Rows>> outcome = conclude(*done);
  if (done->traced) done->traced->ended(outcome.ok() ? nullptr : &outcome.error());
  return outcome;
}

Result<std::vector<Rows>> Connection::conclude(Exchange& exchange) {
  Result<void> outcome = std::move(exchange.sent);
  if (outcome.ok() && !exchange.synced) outcome = send_sync(exchange);
  if (outcome.ok()) outcome = flush();
  if (outcome.ok()) outcome = receive(exchange);
  if (!outcome.ok()) {
    broken_ = true;
    if (exchange.committed) return std::move(exchange.rows);
    if (exchange.failure) return *std::move(exchange.failure);
    if (!exchange.in_doubt) return std::move(outcome).error();
    return base::unavailable(std::string(kCommitUnknown), outcome.error().message());
  }
  PQexitPipelineMode(connection_.get());
  if (!exchange.failure) return std::move(exchange.rows);
  const bool begins = exchange.requests.front().kind == Request::Kind::Begin;
  if (begins && in_transaction() && !broken_) {
    const Failure failure = last_failure_;
    if (!rollback().ok()) broken_ = true;  // The server rolls back when the connection closes.
    last_failure_ = failure;
  }
  return *std::move(exchange.failure);
}

Result<void> Connection::execute_script(const std::string& script) {
  last_failure_ = {};
  if (!usable()) return lost("the server closed the connection while it was idle");
  const bool commits = !in_transaction() && !only_reads(script);
  ++round_trips_;
  if (PQsendQuery(connection_.get(), script.c_str()) == 0) return lost_by_libpq();
  Result<void> outcome = flush();
  if (outcome.ok()) outcome = read_script_results();
  if (!outcome.ok() && broken_ && commits && last_failure_.sqlstate.empty()) {
    return base::unavailable(std::string(kCommitUnknown), outcome.error().message());
  }
  return outcome;
}

bool Connection::usable() {
  for (int reads = 0; !broken_ && reads < kIdleReadsMax; ++reads) {
    pollfd descriptor{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    if (descriptor.fd < 0) broken_ = true;
    if (broken_ || poll(&descriptor, 1, 0) <= 0) break;
    if (PQconsumeInput(connection_.get()) == 0) broken_ = true;
    // Reads what arrived, so that the notice receiver sees it.
    if (pgNotify* notification = PQnotifies(connection_.get())) PQfreemem(notification);
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) broken_ = true;
  return !broken_;
}

bool Connection::in_transaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(connection_.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

Result<bool> Connection::behind_pooler() {
  WEIR_TRY(const Rows rows, execute(std::string("SELECT pg_backend_pid()")));
  return rows.int64(0, 0) != backend_pid();
}

int Connection::server_version() const { return PQserverVersion(connection_.get()); }
int Connection::backend_pid() const { return PQbackendPID(connection_.get()); }

/// What is committed already, or only asked, is told all the same: a trace shows what there was.
void Connection::trace(Exchange& exchange) {
  ExchangeTracer::Begun begun = tracer_->begin(exchange.requests, backend_pid());
  exchange.traced = std::move(begun.exchange);
  if (begun.traceparent.empty()) return;
  exchange.comment = " /*traceparent='";
  exchange.comment += begun.traceparent;
  exchange.comment += "'*/";
}

Result<void> Connection::send(Exchange& exchange) {
  for (std::size_t& i = exchange.handed_over; i < exchange.requests.size(); ++i) {
    const Request::Kind kind = exchange.requests[i].kind;
    WEIR_ASSERT(kind != Request::Kind::Begin || i == 0);
    WEIR_ASSERT(kind != Request::Kind::Commit || i + 1 == exchange.requests.size());
    if (kind == Request::Kind::Commit) exchange.in_doubt = true;
    WEIR_CHECK(send_request(exchange, i));
  }
  return {};
}

Result<void> Connection::send_sync(Exchange& exchange) {
  if (exchange.commits_at_sync) exchange.in_doubt = true;
  exchange.synced = true;
  if (PQpipelineSync(connection_.get()) == 0) return lost_by_libpq();
  return {};
}

Result<void> Connection::send_request(Exchange& exchange, std::size_t index) {
  const Request& request = exchange.requests[index];
  static const Params kNone;
  const Params& params = request.params != nullptr ? *request.params : kNone;
  const WireParams wire(params);
  pg_conn* connection = connection_.get();

  const Statement* statement = request.statement;
  const bool cached = statement != nullptr && prepared_.contains(statement->name);
  if (statement == nullptr || mode_ == StatementMode::Unnamed ||
      (!cached && prepared_.size() >= kPreparedMax)) {
    const std::string comment = std::exchange(exchange.comment, {});
    const char* sql = statement != nullptr ? statement->sql : request.sql;
    exchange.expected.push_back({index, false});
    return send_text(comment.empty() ? sql : (sql + comment).c_str(), wire);
  }

  if (!exchange.comment.empty()) WEIR_CHECK(send_marker(exchange));
  if (must_prepare(exchange, *statement, params)) {
    exchange.expected.push_back({index, true});
    if (PQsendPrepare(connection, statement->name, statement->sql, wire.count(),
                      wire.types.data()) == 0) {
      return lost_by_libpq();
    }
  }
  exchange.expected.push_back({index, false});
  if (PQsendQueryPrepared(connection, statement->name, wire.count(), wire.values.data(),
                          wire.lengths.data(), wire.formats.data(), kBinary) == 0) {
    return lost_by_libpq();
  }
  return {};
}

Result<void> Connection::send_text(const char* sql, const WireParams& params) {
  if (PQsendQueryParams(connection_.get(), sql, params.count(), params.types.data(),
                        params.values.data(), params.lengths.data(), params.formats.data(),
                        kBinary) == 0) {
    return lost_by_libpq();
  }
  return {};
}

/// The comment, ahead of statements whose text is prepared. A transaction that is open has had it.
Result<void> Connection::send_marker(Exchange& exchange) {
  const std::string comment = std::exchange(exchange.comment, {});
  if (in_transaction()) return {};
  exchange.expected.push_back({.request = 0, .prepares = false, .marks = true});
  return send_text(("SELECT" + comment).c_str(), WireParams(Params()));
}

bool Connection::must_prepare(const Exchange& exchange, const Statement& statement,
                              const Params& params) {
  if (const auto found = prepared_.find(statement.name); found != prepared_.end()) {
    const Prepared& prepared = found->second;
    WEIR_ASSERT(std::strcmp(prepared.sql, statement.sql) == 0);  // One name, one statement.
    WEIR_ASSERT(prepared.types.size() == params.size());
    for (std::size_t i = 0; i < params.size(); ++i) {
      WEIR_ASSERT(prepared.types[i] == static_cast<Oid>(params.type(i)));
    }
    return false;
  }
  WEIR_ASSERT(std::strlen(statement.name) <= kNameBytesMax);
  return std::ranges::none_of(exchange.expected, [&](const Expected& earlier) {
    return earlier.prepares &&
           std::strcmp(exchange.requests[earlier.request].statement->name, statement.name) == 0;
  });
}

Result<void> Connection::receive(Exchange& exchange) {
  for (const Expected& expected : exchange.expected) {
    WEIR_TRY(ResultPtr result, next_result());
    if (!result) return lost("the server's replies are out of order");
    WEIR_CHECK(accept(exchange, expected, std::move(result)));
    WEIR_TRY(const ResultPtr end, next_result());
    if (end) return lost("the server gave more than one result to one statement");
  }
  // The sync's own reply; before it an error, if an implicit transaction could not commit.
  for (int replies = 0; replies < kSyncRepliesMax; ++replies) {
    WEIR_TRY(const ResultPtr result, next_result());
    if (!result) continue;
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) {
      exchange.in_doubt = false;
      return {};
    }
    if (PQresultStatus(result.get()) != PGRES_FATAL_ERROR) break;
    Error error = refused(result.get(), exchange.requests.size() - 1);
    if (broken_) return error;
    if (!exchange.failure) exchange.failure = std::move(error);
  }
  return lost("the server's replies are out of order");
}

Result<void> Connection::accept(Exchange& exchange, const Expected& expected, ResultPtr result) {
  const Request& request = exchange.requests[expected.request];
  switch (PQresultStatus(result.get())) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      break;
    case PGRES_PIPELINE_ABORTED:
      return {};  // Skipped, because an earlier one failed.
    case PGRES_FATAL_ERROR: {
      Error error = refused(result.get(), expected.request);
      if (last_failure_.fatal || PQstatus(connection_.get()) != CONNECTION_OK) {
        // Replies come in order: a session that the server ended over an earlier statement never
        // came to its COMMIT.
        if (last_failure_.fatal && !exchange.commits_at_sync &&
            request.kind != Request::Kind::Commit) {
          exchange.in_doubt = false;
        }
        return error;
      }
      if (!exchange.failure) exchange.failure = std::move(error);
      exchange.in_doubt = false;  // What follows is skipped, the commit too.
      return {};
    }
    default:
      return lost("the server gave a kind of result that this driver does not ask for");
  }
  if (expected.marks) return {};
  if (expected.prepares) {
    Prepared prepared{request.statement->sql, {}};
    for (std::size_t i = 0; request.params != nullptr && i < request.params->size(); ++i) {
      prepared.types.push_back(static_cast<Oid>(request.params->type(i)));
    }
    prepared_.emplace(request.statement->name, std::move(prepared));
    return {};
  }
  Rows& rows = exchange.rows[expected.request];
  rows = Rows(result.release());
  if (request.kind != Request::Kind::Commit) return {};
  exchange.in_doubt = false;
  exchange.committed = rows.tag() == "COMMIT";
  if (!exchange.committed) {
    exchange.failure = Error(Code::Aborted, std::string(kTransactionAborted),
                             "the transaction was rolled back, a statement in it had failed");
  }
  return {};
}

Result<void> Connection::read_script_results() {
  std::optional<Error> failure;
  while (true) {
    WEIR_TRY(const ResultPtr result, next_result());
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_EMPTY_QUERY:
        break;
      case PGRES_FATAL_ERROR: {
        Error error = refused(result.get(), 0);
        if (!failure) failure = std::move(error);
        break;
      }
      default:
        return lost("a script cannot copy to or from the client");
    }
  }
  if (failure) return *std::move(failure);
  return {};
}

Result<void> Connection::flush() {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return lost_by_libpq();
    // Reading while we write: a server whose replies nobody takes would stop reading from us.
    WEIR_CHECK(wait(POLLIN | POLLOUT));
    if (PQconsumeInput(connection_.get()) == 0) return lost_by_libpq();
  }
}

Result<void> Connection::flush_what_is_taken() {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return lost_by_libpq();
    // A server that is about to read takes more within moments; one that works on an earlier
    // statement takes no more for now.
    pollfd descriptor{.fd = PQsocket(connection_.get()), .events = POLLOUT, .revents = 0};
    if (poll(&descriptor, 1, kTakenWithinMs) <= 0) return {};
  }
}

Result<Connection::ResultPtr> Connection::next_result() {
  while (PQisBusy(connection_.get()) != 0) {
    WEIR_CHECK(wait(POLLIN));
    if (PQconsumeInput(connection_.get()) == 0) return lost_by_libpq();
  }
  return ResultPtr(PQgetResult(connection_.get()));
}

Result<void> Connection::wait(short events) {
  pollfd descriptor{.fd = PQsocket(connection_.get()), .events = events, .revents = 0};
  if (descriptor.fd < 0) return lost_by_libpq();
  const int timeout_ms = static_cast<int>(std::max<std::int64_t>(1, reply_timeout_.count()));
  int ready = -1;
  do {
    ready = poll(&descriptor, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return {};
  if (ready < 0) return lost("poll: " + std::string(std::strerror(errno)));
  return lost("no answer from the server for " + std::to_string(timeout_ms) + " ms");
}

Error Connection::lost(const std::string& why) {
  broken_ = true;
  return base::unavailable(std::string(kPostgresUnavailable), why);
}

Error Connection::lost_by_libpq() { return lost(one_line(PQerrorMessage(connection_.get()))); }

Error Connection::refused(const pg_result* result, std::size_t statement) {
  Failure failure = read_failure(result);
  failure.statement = statement;
  // Errors that libpq makes itself have no SQLSTATE: the connection is gone.
  if (failure.sqlstate.empty()) return lost(one_line(PQresultErrorMessage(result)));
  // A plan or a name that no longer fits the server (after DDL, or through a pooler): only a new
  // session mends it.
  const std::array<std::string_view, 3> kStale = {"0A000", "26000", "42P05"};
  if (failure.fatal || std::ranges::find(kStale, failure.sqlstate) != kStale.end()) broken_ = true;
  if (last_failure_.sqlstate.empty()) last_failure_ = failure;
  return to_error(failure);
}

}  // namespace weir::postgres
