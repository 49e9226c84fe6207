// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "dagmanager/core/monitors/alerts.h"
#include "server/config/secret.h"

namespace weir::dagmanager {

/// An address, taken apart.
struct AlertAddress {
  std::string base;  ///< "https://host:port"
  std::string path;  ///< "" or from its slash
};

/// Where one target is, and how it is spoken to.
struct AlertRoute {
  AlertTarget target = AlertTarget::Slack;
  server::Secret url = {};      ///< http:// or https://; chats put their key into it
  std::string token_file = {};  ///< read with every notice; empty: none
  std::string dashboards = {};  ///< what an alert's name is put behind; empty: none
  std::string source = {};      ///< who tells, for people

  /// INVALID_ARGUMENT `bad_url` if `url` is none; it does not repeat it.
  Result<AlertAddress> address() const;
};

}  // namespace weir::dagmanager
