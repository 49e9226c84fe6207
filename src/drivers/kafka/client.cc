// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/client.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <utility>

namespace weir::kafka {
namespace {

constexpr std::string_view kScheme = "kafka://";

struct ConfDestroy {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDestroy>;

Result<void> set(const Conf& conf, const std::string& name, const std::string& value) {
  std::array<char, kReasonBytesMax> why{};
  if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size()) ==
      RD_KAFKA_CONF_OK) {
    return {};
  }
  return base::invalid_argument(std::string(kBadSetting), name + ": " + why.data());
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const ClientOptions& options, Clock& clock) {
  std::string brokers = options.brokers;
  if (brokers.starts_with(kScheme)) brokers.erase(0, kScheme.size());
  if (brokers.empty()) {
    return base::invalid_argument(std::string(kBadSetting), "no broker is named");
  }
  Conf conf(rd_kafka_conf_new());
  // What is wrong comes back with each call; nothing is written to the process's stderr.
  WEIR_CHECK(set(conf, "log_level", "0"));
  WEIR_CHECK(set(conf, "client.id", "weir"));
  // The end of a partition is where the next message goes, committed or not.
  WEIR_CHECK(set(conf, "isolation.level", "read_uncommitted"));
  for (const auto& [name, value] : options.properties) WEIR_CHECK(set(conf, name, value));
  WEIR_CHECK(set(conf, "bootstrap.servers", brokers));
  for (const auto& [name, value] : options.fixed) WEIR_CHECK(set(conf, name, value));
  if (options.kind == ClientKind::Producer) {
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR);
  }
  std::array<char, kReasonBytesMax> why{};
  const auto type = options.kind == ClientKind::Consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (handle == nullptr) {
    return base::invalid_argument(std::string(kBadSetting), std::string(why.data()));
  }
  static_cast<void>(conf.release());  // the handle's now
  return std::unique_ptr<Client>(new Client(handle, options.call_timeout, clock));
}

Client::~Client() { rd_kafka_destroy(handle_); }

Error client_error(int code, std::string_view attempted, std::string_view words) {
  const auto err = static_cast<rd_kafka_resp_err_t>(code);
  std::string message(attempted);
  message += ": ";
  message += words.empty() ? std::string_view(rd_kafka_err2str(err)) : words;
  message += std::string(" (") + rd_kafka_err2name(err) + ")";
  const auto made = [&](Code kind, std::string_view reason) {
    return Error(kind, std::string(reason), std::move(message));
  };
  switch (err) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return made(Code::DeadlineExceeded, kTimeout);
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
      return made(Code::Unavailable, kUnavailable);
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return made(Code::PermissionDenied, kDenied);
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
      return made(Code::FailedPrecondition, kNoAuthorizer);
    default:
      return made(Code::Internal, kError);
  }
}

}  // namespace weir::kafka
