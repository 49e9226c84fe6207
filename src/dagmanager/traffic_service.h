// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.pb.h>

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/traffic_store.h"
#include "dagmanager/wire.h"

/// Shares of traffic as operators set them, by gRPC or by the admin route (contract section 3.20).
namespace weir::dagmanager {

/// Sets weights. Any thread; waits for the store.
class TrafficService {
 public:
  /// All outlive the service.
  struct Parts {
    TrafficStore& traffic;
    const Clock& clock;
  };

  explicit TrafficService(Parts parts) : parts_(parts) {}

  /// Faults of TrafficStore::set_weight.
  Result<wire::TrafficWeight> set_weight(WeightRequest request, std::string actor);

 private:
  Parts parts_;
};

WeightRequest weight_request(const wire::SetTrafficWeightRequest& request);
/// From the body of `POST /admin/sentinel-weight`. INVALID_ARGUMENT `missing_field`.
Result<WeightRequest> read_weight_request(const std::string& body);
/// JSON with the message's fields.
std::string weight_json(const wire::TrafficWeight& weight);

}  // namespace weir::dagmanager
