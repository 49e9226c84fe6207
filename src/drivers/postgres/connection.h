// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/dsn.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/exchange_tracer.h"
#include "drivers/postgres/limits.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/rows.h"
#include "drivers/postgres/statement.h"

struct pg_conn;

namespace weir::postgres {

/// How statements reach the server. `Unnamed` prepares nothing and sets nothing for the session:
/// the only way that works through a pooler in transaction mode (pgbouncer).
enum class StatementMode : std::uint8_t { Named, Unnamed };

/// Where to connect and how. The DSN's own parameters win over the fields here.
struct ConnectOptions {
  /// "postgresql://user@host/database?…" or "host=… dbname=…".
  std::string dsn = {};
  std::string application_name = "weir";
  std::chrono::seconds connect_timeout = kConnectTimeout;
  /// Silence of the server after which the connection is given up.
  std::chrono::milliseconds reply_timeout = kReplyTimeout;
  StatementMode statements = StatementMode::Named;
  /// Settings of the session by name, for example {"statement_timeout", "5s"}. Ignored in mode
  /// Unnamed: there they belong to the role (ALTER ROLE … SET).
  std::vector<std::pair<std::string, std::string>> settings = {};
  /// Knows on whose behalf statements go out; null: nobody does. Outlives the connection.
  ExchangeTracer* tracer = nullptr;
};

/// One statement of an exchange. Exactly one of `statement` and `sql` is set; `params` must outlive
/// the call.
struct Request {
  enum class Kind : std::uint8_t { Plain, Begin, Commit };

  const Statement* statement = nullptr;  // Prepared under its name.
  const char* sql = nullptr;             // Run unnamed.
  const Params* params = nullptr;        // None if null.
  Kind kind = Kind::Plain;
};

/// One session with a PostgreSQL server over libpq. Results and parameters travel in binary format.
/// One thread at a time; owned by whoever holds the pointer (normally a Pool).
///
/// Errors are those of errors.h. Losing the connection while a commit's outcome is unknown, that is
/// after COMMIT, or a writing statement outside a transaction, was handed over and before its
/// reply, is Unavailable `commit_unknown`: the caller must read what became of it before it writes
/// again. Any other loss is Unavailable `postgres_unavailable`, and nothing was changed.
class Connection {
 public:
  /// Fails with `postgres_unavailable` (not reached, refused, wrong password) or `dsn_invalid`.
  static Result<std::unique_ptr<Connection>> connect(const ConnectOptions& options);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// One statement, one round trip: the first call on this connection prepares it on the way.
  Result<Rows> execute(const Statement& statement, const Params& params = {});
  /// One statement that is not worth preparing.
  Result<Rows> execute(const std::string& sql, const Params& params = {});
  /// Several statements separated by `;` without parameters (a migration); results are dropped.
  /// Outside a transaction they form one.
  Result<void> execute_script(const std::string& script);

  /// A transaction over several round trips. commit() fails with Aborted `transaction_aborted` if
  /// the server rolled back because a statement had failed. To save round trips, see Pipeline.
  Result<void> begin();
  Result<void> commit();
  Result<void> rollback();

  /// Runs the requests in order with one round trip, in one transaction: between Begin and Commit,
  /// else the open one, else an implicit one. Begin can only come first, Commit last. Stops at the
  /// first failure, whose error it returns (last_failure() says more); a transaction begun by this
  /// very call is then rolled back. Use Pipeline to build the requests. `meanwhile`, if given, is
  /// called once while the server works: when all requests, or as many as the socket takes, are on
  /// their way.
  Result<std::vector<Rows>> run(std::span<const Request> requests,
                                const std::function<void()>& meanwhile = {});

  /// run() in two halves, for a caller that has work on other connections meanwhile: start() hands
  /// the requests over, or as many as the socket takes; finish() waits for the replies. What
  /// `requests` point at must live until finish(), which comes before anything else is asked of
  /// this connection; a connection that is destroyed in between leaves no trace of an open
  /// transaction. With `more`, the requests of a transaction may be followed by others in extend(),
  /// once, which the server takes up right after them: `requests` are all of them then, those of
  /// start() first.
  Result<void> start(std::span<const Request> requests, bool more = false);
  Result<void> extend(std::span<const Request> requests);
  Result<std::vector<Rows>> finish();
  /// True between start() and finish().
  bool started() const { return under_way_ != nullptr; }

  /// What the server said about the last statement that failed.
  const Failure& last_failure() const { return last_failure_; }

  /// False once the connection is lost or in doubt: drop it. Looks at the socket, does not wait.
  bool usable();
  /// True between BEGIN and COMMIT or ROLLBACK, a failed transaction included.
  bool in_transaction() const;
  /// True if something between us and the server answers in its name (a pooler): the process that
  /// runs our statements is not the one we logged in to. One round trip.
  Result<bool> behind_pooler();

  /// For example 150020.
  int server_version() const;
  /// Process id of the server's side, as told at login.
  int backend_pid() const;
  /// Waits for the server so far, to check that work is batched.
  std::uint64_t round_trips() const { return round_trips_; }

  std::chrono::milliseconds reply_timeout() const { return reply_timeout_; }
  void set_reply_timeout(std::chrono::milliseconds timeout) { reply_timeout_ = timeout; }

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  struct Clear {
    void operator()(pg_result* result) const;
  };
  using ResultPtr = std::unique_ptr<pg_result, Clear>;
  struct Prepared {
    const char* sql;
    std::vector<std::uint32_t> types;
  };
  struct WireParams;
  struct Expected;
  struct Exchange;

  Connection(pg_conn* connection, const ConnectOptions& options);

  Result<std::vector<Rows>> conclude(Exchange& exchange);
  void trace(Exchange& exchange);
  Result<void> send(Exchange& exchange);
  Result<void> send_marker(Exchange& exchange);
  Result<void> send_text(const char* sql, const WireParams& params);
  Result<void> send_sync(Exchange& exchange);
  Result<void> send_request(Exchange& exchange, std::size_t index);
  Result<void> receive(Exchange& exchange);
  Result<void> accept(Exchange& exchange, const Expected& expected, ResultPtr result);
  Result<void> read_script_results();
  bool must_prepare(const Exchange& exchange, const Statement& statement, const Params& params);
  Result<void> flush();
  /// Writes for as long as the server takes what is written.
  Result<void> flush_what_is_taken();
  /// The next result, or null between two statements' results.
  Result<ResultPtr> next_result();
  Result<void> wait(short events);
  Error lost(const std::string& why);
  Error lost_by_libpq();
  Error refused(const pg_result* result, std::size_t statement);

  std::unique_ptr<pg_conn, Close> connection_;
  std::chrono::milliseconds reply_timeout_;
  StatementMode mode_;
  ExchangeTracer* tracer_;
  std::unordered_map<std::string, Prepared> prepared_;
  std::unique_ptr<Exchange> under_way_;
  Failure last_failure_;
  std::uint64_t round_trips_ = 0;
  bool broken_ = false;
};

}  // namespace weir::postgres
