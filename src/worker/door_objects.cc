// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/staging.h"
#include "worker/door_problem.h"
#include "worker/limits.h"
#include "worker/task_door.h"

// Objects of the attempt: below its scratch, or below the staging of one of its outputs.
namespace weir::worker {
namespace {

using server::HttpRequest;
using server::HttpResponse;

/// One read of an object that is handed on.
constexpr std::size_t kObjectBlockBytes = std::size_t{1} << 20;

Error outside() { return refusal("prefix_denied", "that is outside of what this task may read"); }

/// What the store says, in the words of this door.
Error in_door_words(const Error& error) {
  if (error.reason() == "object_exists") {
    return refusal("idempotency_conflict", "another object has this name, and stays");
  }
  if (error.reason() == "object_not_found") return refusal("not_found", "there is no such object");
  if (error.reason() == "path_unsafe") return outside();
  if (error.reason() == "key_conflict" || error.reason() == "key_invalid") {
    return refusal("invalid_request", "the name of an object cannot be that");
  }
  return error;
}

bool is_name(std::string_view name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-";
  return !name.empty() && name.size() <= kObjectNameBytesMax && !name.contains("..") &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

/// Where an object of that name goes.
struct Target {
  storage::ObjectKey key;
  storage::Existing existing;
};

Result<Target> target_of(const storage::StorageRoot& root, const operators::TaskPayload& payload,
                         std::string_view name, const std::optional<std::string>& output) {
  if (!is_name(name)) return refusal("invalid_request", "an object's name cannot be that");
  if (!output) {
    auto key = storage::scratch_prefix(payload.task_id, payload.attempt).key(name);
    if (!key.ok()) return in_door_words(key.error());
    return Target{std::move(*key), storage::Existing::Replace};
  }
  int number = -1;
  std::from_chars(output->data(), output->data() + output->size(), number);
  const operators::TaskOutput* written = payload.output(number);
  if (written == nullptr) return refusal("output_not_owned", "the task has no such output");
  if (!written->staging_prefix) {
    return refusal("not_supported", "that output is not kept in the object store");
  }
  const auto prefix = root.prefix_of(*written->staging_prefix);
  if (!prefix.ok()) {
    return refusal("not_supported", "the output's object store is not this worker's");
  }
  auto key = prefix->key(name);
  if (!key.ok()) return in_door_words(key.error());
  // What a commit may name is never changed.
  return Target{std::move(*key), storage::Existing::Refuse};
}

Result<HttpResponse> put_object(TaskDoor& door, const Attempt& attempt,
                                const HttpRequest& request) {
  storage::ObjectStore& objects = door.parts().objects;
  WEIR_TRY(const Target target, target_of(objects.root(), attempt.payload(), request.param("name"),
                                          request.query_value("output")));
  auto put = storage::put_text(objects, target.key, request.body, {.existing = target.existing});
  if (!put.ok()) return in_door_words(put.error());
  const nlohmann::json body = {
      {"uri", objects.root().uri_of(target.key)}, {"sha256", put->sha256}, {"size", put->size}};
  HttpResponse response;
  response.status = 201;
  response.body = body.dump();
  return response;
}

Result<storage::ObjectKey> readable_key(const storage::StorageRoot& root, const Attempt& attempt,
                                        const HttpRequest& request) {
  const std::optional<std::string> uri = request.query_value("uri");
  if (!uri) return refusal("invalid_request", "`uri` is missing");
  auto key = root.key_of(*uri);
  if (!key.ok() || !auth::check_read(grants_of(attempt, root), *uri).ok()) return outside();
  return std::move(*key);
}

/// Hands an object on in blocks.
void get_object(TaskDoor& door, const HttpRequest& request, server::Responder responder) {
  storage::ObjectStore& objects = door.parts().objects;
  const auto answer_problem = [&](const Error& error) {
    responder.answer(door_problem(in_door_words(error), request.request_id));
  };
  const auto attempt = door.admit();
  if (!attempt.ok()) return answer_problem(attempt.error());
  const auto key = readable_key(objects.root(), **attempt, request);
  if (!key.ok()) return answer_problem(key.error());
  const auto stat = objects.stat(*key, storage::Checksum::Skip);
  if (!stat.ok()) return answer_problem(stat.error());
  HttpResponse head;
  head.content_type = "application/octet-stream";
  server::BodyWriter writer = responder.begin(std::move(head));
  std::uint64_t at = 0;
  while (at < stat->size) {
    auto block = objects.get(*key, {at, kObjectBlockBytes});
    // Dropped before its end, the answer cuts the connection: nobody takes a part for the whole.
    if (!block.ok() || block->empty()) return;
    at += block->size();
    if (!writer.write(std::move(*block)).ok()) return;
  }
  static_cast<void>(writer.finish());  // a peer that is gone needs no end
}

}  // namespace

void add_object_routes(server::Router& router, TaskDoor& door) {
  router.add({.method = "PUT",
              .path = "/v1/task/objects/{name...}",
              .handler = door_handler(door,
                                      [&door](Attempt& attempt, const HttpRequest& request) {
                                        return put_object(door, attempt, request);
                                      }),
              .body_bytes_max = kObjectBytesMax});
  router.add(
      {.method = "GET",
       .path = "/v1/task/objects",
       .handler = server::StreamHandler(
           [&door](const HttpRequest& request, server::BodyReader, server::Responder responder) {
             get_object(door, request, std::move(responder));
           }),
       .body_bytes_max = 0});
}

}  // namespace weir::worker
