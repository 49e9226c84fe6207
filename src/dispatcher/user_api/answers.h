// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "dispatcher/user_api/page_cursor.h"
#include "dispatcher/user_api/query_reader.h"
#include "dispatcher/user_api/user_routes.h"

/// What most routes do alike: read a scope and a page, ask the registry, write the answer.
namespace weir::dispatcher {

server::HttpResponse json_answer(std::string body, int status = 200);

/// `{items, next_cursor}`.
server::HttpResponse page_answer(const RegistryPage& page, PageKeyForm form);

/// NOT_FOUND of a world that is not there. So far there is one.
Result<void> check_world(const std::string& world);

/// The id in the path; nil, which nothing has, for what is none. Names in paths are taken as they
/// are: the desk has refused those that no row can have.
Uuid id_in_path(const server::HttpRequest& request, std::string_view name);

/// A GET or a command without a body: INVALID_ARGUMENT if it has one.
Result<void> refuse_body(const server::HttpRequest& request);

/// A GET route that every member may ask.
UserRoute reading(std::string_view path, ReadRequest read);

/// A route that gives one page of `listing`. `query` was read as far as the filters go.
struct ListRequest {
  Listing listing;
  PageKeyForm form;
};
Result<Work> list_work(const UserApiPorts& ports, QueryReader& query, ListRequest request);
/// A route that gives one picture.
Result<Work> show_work(const UserApiPorts& ports, QueryReader& query, Picture picture);

}  // namespace weir::dispatcher
