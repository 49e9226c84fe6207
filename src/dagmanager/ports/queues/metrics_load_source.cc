// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/metrics_load_source.h"

#include <charconv>
#include <utility>

#include "dagmanager/ports/queues/limits.h"
#include "drivers/http/http_client.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kMetric = "kafka_server_BrokerTopicMetrics_MessagesInPerSec";

/// One sample of the metric.
struct Sample {
  std::string_view labels;
  double value = 0;
};

/// Nothing if the line is no sample of it: another metric, one whose name goes on, a comment.
std::optional<Sample> read_sample(std::string_view line) {
  if (!line.starts_with(kMetric)) return std::nullopt;
  line.remove_prefix(kMetric.size());
  Sample sample;
  if (line.starts_with('{')) {
    const std::size_t end = line.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    sample.labels = line.substr(1, end - 1);
    line.remove_prefix(end + 1);
  }
  const std::size_t at = line.find_first_not_of(" \t");
  if (at == 0 || at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at);
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), sample.value);
  if (fault != std::errc() || !(sample.value >= 0)) return std::nullopt;
  return sample;
}

Error unknown_load(const std::string& why) {
  return base::unavailable("load_unknown", "the broker's load is not known: " + why);
}

}  // namespace

std::optional<double> read_broker_load(std::string_view page) {
  std::optional<double> sum;
  while (!page.empty()) {
    const std::size_t end = page.find('\n');
    const auto sample = read_sample(page.substr(0, end));
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
    if (!sample) continue;
    if (sample->labels.find("topic=") == std::string_view::npos) return sample->value;
    sum = sum.value_or(0) + sample->value;
  }
  return sum;
}

MetricsLoadSource::MetricsLoadSource(std::unique_ptr<http::HttpClient> client, std::string path)
    : client_(std::move(client)), path_(std::move(path)) {}

MetricsLoadSource::~MetricsLoadSource() = default;

Result<std::unique_ptr<MetricsLoadSource>> MetricsLoadSource::open(const std::string& url,
                                                                   const Clock& clock) {
  const std::size_t host = url.find("://");
  const std::size_t path = host == std::string::npos ? host : url.find('/', host + 3);
  WEIR_TRY(auto client, http::HttpClient::create({.base = url.substr(0, path),
                                                  .connections_max = 1,
                                                  .connect_timeout = kLoadTimeout,
                                                  .total_timeout = kLoadTimeout,
                                                  .body_bytes_max = kLoadPageBytes},
                                                 clock));
  return std::unique_ptr<MetricsLoadSource>(
      new MetricsLoadSource(std::move(client), path == std::string::npos ? "/" : url.substr(path)));
}

Result<double> MetricsLoadSource::messages_per_second() {
  const auto reply = client_->request({.path = path_});
  if (!reply.ok()) return unknown_load(reply.error().message());
  if (reply->status != 200) return unknown_load("status " + std::to_string(reply->status));
  const auto load = read_broker_load(reply->body);
  if (!load) return unknown_load("the page has no " + std::string(kMetric));
  return *load;
}

}  // namespace weir::dagmanager
