// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/rollouts/limits.h"
#include "dagmanager/ports/rollouts/metric_reader.h"

namespace weir::http {
class CancelFlag;
class HttpClient;
}  // namespace weir::http

namespace weir::dagmanager {

/// MetricReader over the query interface of a Prometheus: `GET /api/v1/query`, one instant.
class PrometheusReader final : public MetricReader {
 public:
  /// `url`: `http://host:port`, a path before `/api` may follow. INVALID_ARGUMENT `bad_base`.
  /// `clock` outlives the reader. `timeout`: of one sample.
  static Result<std::unique_ptr<PrometheusReader>> create(
      const std::string& url, const Clock& clock,
      std::chrono::milliseconds timeout = kSampleTimeout);
  ~PrometheusReader() override;
  PrometheusReader(const PrometheusReader&) = delete;
  PrometheusReader& operator=(const PrometheusReader&) = delete;

  Result<double> read(const std::string& query) override;

  /// Ends reads that are under way and all that come, as unanswered.
  void cancel();

 private:
  PrometheusReader(std::unique_ptr<http::HttpClient> client, std::string prefix);

  std::unique_ptr<http::CancelFlag> cancel_;
  std::unique_ptr<http::HttpClient> client_;
  std::string prefix_;
};

/// The one sample of an answer's body; faults of MetricReader::read.
Result<double> read_sample(const std::string& body);

}  // namespace weir::dagmanager
