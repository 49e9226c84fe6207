// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"

namespace weir::postgres {

struct Request;

/// One exchange that is told of. Destroyed without `ended`, nobody waited for its replies.
class TracedExchange {
 public:
  virtual ~TracedExchange() = default;
  /// Its replies are there, or never come. `error` is null if all went well.
  virtual void ended(const Error* error) = 0;
};

/// Port: who asks. A connection that has one says it to the server beside its statements, as a
/// comment `/*traceparent='…'*/`, without touching the text of what is prepared:
///
///   an exchange that begins with a text (BEGIN, or mode Unnamed)   behind this text
///   one that begins with a prepared statement, in a transaction     nowhere; its BEGIN had it
///   one outside of a transaction, that is a lone read               in a `SELECT` of no columns
///                                                                   that goes ahead of it
///
/// So a log of statements names the trace before what belongs to it, in the same session, and no
/// plan is made twice. Any thread.
class ExchangeTracer {
 public:
  struct Begun {
    /// W3C's header, hex digits and dashes; good until this thread's next call. Empty: nobody's.
    std::string_view traceparent = {};
    std::unique_ptr<TracedExchange> exchange = {};  // null: nobody is told
  };

  virtual ~ExchangeTracer() = default;
  /// An exchange is about to be sent by this thread. Must be quick.
  virtual Begun begin(std::span<const Request> requests, int backend_pid) = 0;
};

}  // namespace weir::postgres
