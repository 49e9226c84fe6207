// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "dagmanager/ports/queues/load_source.h"

namespace weir::http {
class HttpClient;
}  // namespace weir::http

namespace weir::dagmanager {

/// LoadSource that reads a broker's metrics page (Prometheus text) anew at each question.
class MetricsLoadSource final : public LoadSource {
 public:
  /// INVALID_ARGUMENT `bad_base` where `url` is no http:// address. `clock` outlives the source.
  static Result<std::unique_ptr<MetricsLoadSource>> open(const std::string& url,
                                                         const Clock& clock);
  ~MetricsLoadSource() override;
  MetricsLoadSource(const MetricsLoadSource&) = delete;
  MetricsLoadSource& operator=(const MetricsLoadSource&) = delete;

  Result<double> messages_per_second() override;

 private:
  MetricsLoadSource(std::unique_ptr<http::HttpClient> client, std::string path);

  const std::unique_ptr<http::HttpClient> client_;
  const std::string path_;
};

/// Messages that a broker takes a second, by its metrics page: the sample of all topics together,
/// else the sum of those of single topics; nothing if there is none.
std::optional<double> read_broker_load(std::string_view page);

}  // namespace weir::dagmanager
