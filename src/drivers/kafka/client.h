// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/kafka/limits.h"

struct rd_kafka_s;

namespace weir::kafka {

/// Reason words of the errors this driver makes, with their codes:
inline constexpr std::string_view kUnavailable = "kafka_unavailable";     // Unavailable
inline constexpr std::string_view kTimeout = "kafka_timeout";             // DeadlineExceeded
inline constexpr std::string_view kDenied = "kafka_denied";               // PermissionDenied
inline constexpr std::string_view kNoAuthorizer = "kafka_no_authorizer";  // FailedPrecondition
inline constexpr std::string_view kError = "kafka_error";                 // Internal
inline constexpr std::string_view kBadSetting = "kafka_setting_invalid";  // InvalidArgument

/// What a session is for: librdkafka has one kind of handle for writing, which administers too, and
/// one for reading. `Producer` hears what became of its messages (producer.h).
enum class ClientKind : std::uint8_t { Admin, Producer, Consumer };

struct ClientOptions {
  /// "host:port,host:port": any of them leads to the whole cluster, and is asked again when it is
  /// lost; "kafka://" before it is taken off.
  std::string brokers = {};
  /// Settings of librdkafka by its names, passed through; they win over ours.
  std::map<std::string, std::string> properties = {};
  std::chrono::milliseconds call_timeout = kCallTimeout;
  ClientKind kind = ClientKind::Admin;
  /// What the kind of session needs; the properties above do not alter them.
  std::map<std::string, std::string> fixed = {};
};

/// One session with a cluster (librdkafka), which finds its brokers, logs in and connects again by
/// itself, on threads of its own. Safe to use from any thread.
class Client {
 public:
  /// Sends nothing yet. INVALID_ARGUMENT `kafka_setting_invalid` names the setting and what is
  /// wrong with it.
  /// `clock` outlives the client.
  static Result<std::unique_ptr<Client>> create(const ClientOptions& options, Clock& clock);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_s* handle() const { return handle_; }
  std::chrono::milliseconds call_timeout() const { return call_timeout_; }
  Clock& clock() const { return clock_; }

 private:
  Client(rd_kafka_s* handle, std::chrono::milliseconds call_timeout, Clock& clock)
      : handle_(handle), call_timeout_(call_timeout), clock_(clock) {}

  rd_kafka_s* handle_;
  std::chrono::milliseconds call_timeout_;
  Clock& clock_;
};

/// The error for a code of librdkafka (rd_kafka_resp_err_t): what was not reached or not answered
/// is Unavailable or DeadlineExceeded, so that nobody knows what it did.
Error client_error(int code, std::string_view attempted, std::string_view words = {});

}  // namespace weir::kafka
