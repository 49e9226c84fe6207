// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/prometheus_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "drivers/http/http_client.h"

namespace weir::dagmanager {
namespace {

constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kUnprocessable = 422;

/// Of an answer's words, in an error.
constexpr std::size_t kWordsMax = 200;

Error no_sample(const std::string& what) { return {Code::NotFound, "no_sample", what}; }

Error unavailable(const std::string& what) { return base::unavailable(kMetricsUnavailable, what); }

Result<double> number_of(std::string_view text) {
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size() || value != value) {
    return no_sample("the sample is no number: " + std::string(text.substr(0, kWordsMax)));
  }
  return value;
}

/// A pair of an instant and a text.
Result<double> value_of(JsonValue pair) {
  if (!pair.is_array() || pair.size() != 2) return unavailable("the answer is no sample");
  auto member = pair.begin();
  ++member;
  return number_of((*member).text());
}

}  // namespace

Result<std::unique_ptr<PrometheusReader>> PrometheusReader::create(
    const std::string& url, const Clock& clock, std::chrono::milliseconds timeout) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  std::string prefix = path == std::string::npos ? std::string() : url.substr(path);
  while (prefix.ends_with('/')) prefix.pop_back();
  WEIR_TRY(auto client,
           http::HttpClient::create({.base = url.substr(0, path),
                                     .connect_timeout = std::min(kSampleConnectTimeout, timeout),
                                     .total_timeout = timeout,
                                     .body_bytes_max = kSampleBytesMax},
                                    clock));
  return std::unique_ptr<PrometheusReader>(
      new PrometheusReader(std::move(client), std::move(prefix)));
}

PrometheusReader::PrometheusReader(std::unique_ptr<http::HttpClient> client, std::string prefix)
    : cancel_(std::make_unique<http::CancelFlag>()),
      client_(std::move(client)),
      prefix_(std::move(prefix)) {}

PrometheusReader::~PrometheusReader() = default;

Result<double> PrometheusReader::read(const std::string& query) {
  const auto reply =
      client_->request({.path = prefix_ + "/api/v1/query?query=" + base::percent_encode(query),
                        .cancel = cancel_.get()});
  if (!reply.ok()) return unavailable(reply.error().message());
  if (reply->status == kOk) return read_sample(reply->body);
  const std::string said =
      "it answers " + std::to_string(reply->status) + ": " + reply->body.substr(0, kWordsMax);
  if (reply->status == kBadRequest || reply->status == kUnprocessable) {
    return base::invalid_argument("query_refused", said);
  }
  return unavailable(said);
}

void PrometheusReader::cancel() { cancel_->set(); }

Result<double> read_sample(const std::string& body) {
  const auto document = JsonDocument::parse(body, {.bytes_max = kSampleBytesMax});
  if (!document.ok()) return unavailable("the answer is no JSON");
  const JsonValue root = document->root();
  if (root.find("status").text() != "success") return unavailable("the answer says no success");
  const JsonValue data = root.find("data");
  const JsonValue result = data.find("result");
  const std::string_view type = data.find("resultType").text();
  if (type == "scalar") return value_of(result);
  if (type != "vector" || !result.is_array()) {
    return no_sample("the query gives no instant vector");
  }
  if (result.size() != 1) {
    return no_sample(result.size() == 0 ? "no sample"
                                        : std::to_string(result.size()) + " samples, not one");
  }
  return value_of((*result.begin()).find("value"));
}

}  // namespace weir::dagmanager
