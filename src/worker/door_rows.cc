// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "worker/door_problem.h"
#include "worker/limits.h"
#include "worker/task_door.h"

// Rows of `direct` outputs and of tables that were granted (contract section 6.7).
namespace weir::worker {
namespace {

using server::HttpRequest;
using server::HttpResponse;

Result<DirectRows*> rows_of(const TaskDoor& door, const Attempt& attempt) {
  if (attempt.payload().udf) return refusal("udf_forbidden", "a bundle reads by queries alone");
  if (door.parts().rows == nullptr) {
    return refusal("not_supported", "this worker has no data_dsn");
  }
  return door.parts().rows;
}

Result<RowsTarget> target_of(const Attempt& attempt, const HttpRequest& request) {
  const operators::TaskPayload& payload = attempt.payload();
  const std::string number_text = request.query_value("output").value_or("0");
  int number = -1;
  std::from_chars(number_text.data(), number_text.data() + number_text.size(), number);
  const operators::TaskOutput* output = payload.output(number);
  if (output == nullptr) return refusal("output_not_owned", "the task has no such output");
  if (output->kind != operators::DatasetKind::Table) {
    return refusal("not_supported", "that output is not kept in a table");
  }
  const auto partition = request.query_value("partition_key");
  const auto cursor = request.query_value("cursor");
  if (partition.has_value() == cursor.has_value()) {
    return refusal("scope_required", "exactly one of partition_key and cursor is needed");
  }
  return RowsTarget{.task_id = payload.task_id,
                    .fence_no = attempt.claimed().fence_no,
                    .version = output->version,
                    .scope = partition ? *partition : *cursor,
                    .replace = payload.update_strategy == "replace"};
}

constexpr std::string_view kParquet = "application/vnd.apache.parquet";
constexpr std::array<std::string_view, 3> kLines = {"application/x-ndjson", "application/jsonl",
                                                    "*/*"};

bool names_one(std::string_view types, std::span<const std::string_view> wanted) {
  return std::ranges::any_of(wanted, [&](std::string_view type) { return types.contains(type); });
}

/// Whether rows come, or are asked for, as parquet; else as JSON Lines.
Result<bool> is_parquet(const TaskDoor& door, std::string_view types) {
  if (names_one(types, kLines)) return false;
  if (types.contains(kParquet) && door.parts().converter != nullptr) return true;
  return refusal("not_supported",
                 "rows are application/x-ndjson or application/vnd.apache.parquet");
}

/// Fills rooms of any size from blocks of any size.
class BlockBody {
 public:
  explicit BlockBody(server::BodyReader& reader) : reader_(reader) {}

  Result<std::size_t> read(std::span<char> into) {
    if (at_ == block_.size()) {
      WEIR_TRY(block_, reader_.read());
      at_ = 0;
    }
    const std::size_t size = std::min(into.size(), block_.size() - at_);
    std::memcpy(into.data(), block_.data() + at_, size);
    at_ += size;
    return size;
  }

 private:
  server::BodyReader& reader_;
  std::string block_;
  std::size_t at_ = 0;
};

/// A parquet file as JSON Lines of the columns of the table that takes them.
class ParquetBody {
 public:
  static Result<ParquetBody> take(const RowsConverter& converter, DirectRows& rows,
                                  const RowsTarget& target, server::BodyReader& reader) {
    WEIR_TRY(const auto columns, rows.columns(target.version));
    ParquetBody body;
    WEIR_TRY(body.work_, converter.begin());
    WEIR_CHECK(body.receive(reader));
    WEIR_CHECK(converter.to_lines(*body.work_, columns));
    body.lines_.open(body.work_->lines(), std::ios::binary);
    if (!body.lines_) return base::unavailable("unavailable", "the converted rows are gone");
    return body;
  }

  Result<std::size_t> read(std::span<char> into) {
    lines_.read(into.data(), static_cast<std::streamsize>(into.size()));
    if (lines_.bad()) return base::unavailable("unavailable", "the converted rows are gone");
    return static_cast<std::size_t>(lines_.gcount());
  }

 private:
  Result<void> receive(server::BodyReader& reader) const {
    std::ofstream file(work_->parquet(), std::ios::binary);
    while (true) {
      WEIR_TRY(const std::string block, reader.read());
      if (block.empty()) break;
      file.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    file.close();
    if (file.fail()) return base::unavailable("unavailable", "the rows cannot be kept");
    return {};
  }

  std::unique_ptr<RowsConverter::Work> work_;
  std::ifstream lines_;
};

Result<RowsWritten> write_rows(const TaskDoor& door, DirectRows& rows, const RowsTarget& target,
                               bool parquet, server::BodyReader& reader) {
  if (!parquet) {
    BlockBody body(reader);
    return rows.write(target, [&](std::span<char> into) { return body.read(into); });
  }
  WEIR_TRY(ParquetBody body, ParquetBody::take(*door.parts().converter, rows, target, reader));
  return rows.write(target, [&](std::span<char> into) { return body.read(into); });
}

Result<HttpResponse> put_rows(TaskDoor& door, const HttpRequest& request,
                              server::BodyReader& reader) {
  WEIR_TRY(const AttemptPtr attempt, door.admit());
  WEIR_TRY(DirectRows* const rows, rows_of(door, *attempt));
  WEIR_TRY(const bool parquet,
           is_parquet(door, request.header("content-type").value_or(kLines.front())));
  WEIR_TRY(const RowsTarget target, target_of(*attempt, request));
  WEIR_TRY(const RowsWritten written, write_rows(door, *rows, target, parquet, reader));
  HttpResponse response;
  response.body = nlohmann::json({{"rows", written.rows}, {"applied", written.applied}}).dump();
  return response;
}

/// The granted dataset of a relation, and the range that is asked for.
Result<RowsRange> range_of(const TaskDoor& door, const Attempt& attempt,
                           const HttpRequest& request) {
  const std::optional<std::string> relation = request.query_value("relation");
  if (!relation) return refusal("invalid_request", "`relation` is missing");
  const auth::CapabilityGrants grants = grants_of(attempt, door.parts().objects.root());
  const auto grant = std::ranges::find(grants.datasets, *relation, &auth::DatasetGrant::relation);
  if (grant == grants.datasets.end()) {
    return refusal("dataset_not_granted", "the task has no such relation");
  }
  return RowsRange{.version = graph::DatasetVersionId(grant->dataset_version),
                   .where = grant->where.value_or("{}"),
                   .cursor_column = request.query_value("cursor_column").value_or(""),
                   .start = request.query_value("start"),
                   .end = request.query_value("end")};
}

/// Rows as a parquet file, in pieces.
Result<void> read_parquet_rows(const RowsConverter& converter, DirectRows& rows,
                               const RowsRange& range, const RowsSink& sink) {
  WEIR_TRY(const auto columns, rows.columns(range.version));
  WEIR_TRY(const auto work, converter.begin());
  {
    std::ofstream lines(work->lines(), std::ios::binary);
    WEIR_CHECK(rows.read(range, [&](std::string_view text) -> Result<void> {
      lines.write(text.data(), static_cast<std::streamsize>(text.size()));
      if (lines.fail()) return base::unavailable("unavailable", "the rows cannot be kept");
      return {};
    }));
    lines.close();
    if (lines.fail()) return base::unavailable("unavailable", "the rows cannot be kept");
  }
  WEIR_CHECK(converter.to_parquet(*work, columns));
  std::ifstream file(work->parquet(), std::ios::binary);
  std::string block(kFileBlockBytes, '\0');
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    WEIR_CHECK(sink(std::string_view(block).substr(0, static_cast<std::size_t>(file.gcount()))));
  }
  if (file.bad()) return base::unavailable("unavailable", "the converted rows are gone");
  return {};
}

/// `as` is what type the rows that follow are of.
Result<void> read_rows(TaskDoor& door, const HttpRequest& request, std::string_view& as,
                       const RowsSink& sink) {
  WEIR_TRY(const AttemptPtr attempt, door.admit());
  WEIR_TRY(DirectRows* const rows, rows_of(door, *attempt));
  WEIR_TRY(const bool parquet, is_parquet(door, request.header("accept").value_or(kLines.back())));
  WEIR_TRY(const RowsRange range, range_of(door, *attempt, request));
  as = parquet ? kParquet : kLines.front();
  if (!parquet) return rows->read(range, sink);
  return read_parquet_rows(*door.parts().converter, *rows, range, sink);
}

/// The answer begins with the first rows, so that what goes wrong before them is a problem.
void get_rows(TaskDoor& door, const HttpRequest& request, server::Responder responder) {
  std::optional<server::BodyWriter> writer;
  std::string_view type = kLines.front();
  const auto begin = [&] {
    HttpResponse head;
    head.content_type = type;
    writer.emplace(responder.begin(std::move(head)));
  };
  const auto read = read_rows(door, request, type, [&](std::string_view bytes) {
    if (!writer) begin();
    return writer->write(std::string(bytes));
  });
  if (!read.ok()) {
    // Once rows were sent, an answer without its end is all that can tell.
    if (!writer) responder.answer(door_problem(read.error(), request.request_id));
    return;
  }
  if (!writer) begin();
  static_cast<void>(writer->finish());  // a peer that is gone needs no end
}

/// Only the compaction that was told to delete what it compacted does so (contract section 6.13).
Result<void> check_may_delete(const operators::TaskPayload& payload) {
  const auto config = JsonDocument::parse(payload.config);
  const JsonValue wish = config.ok() ? config->root().find("delete_after_compact") : JsonValue();
  if (payload.op == "parquet_compact" && wish.is_bool() && wish.kind() == JsonKind::True) return {};
  return refusal("forbidden", "this task deletes no rows");
}

Result<HttpResponse> delete_rows(TaskDoor& door, const Attempt& attempt,
                                 const HttpRequest& request) {
  WEIR_TRY(DirectRows* const rows, rows_of(door, attempt));
  WEIR_CHECK(check_may_delete(attempt.payload()));
  WEIR_TRY(const RowsRange range, range_of(door, attempt, request));
  WEIR_TRY(const std::int64_t removed, rows->remove(range));
  HttpResponse response;
  response.body = nlohmann::json({{"rows", removed}}).dump();
  return response;
}

}  // namespace

void add_rows_routes(server::Router& router, TaskDoor& door) {
  constexpr const char* kPath = "/v1/task/rows";
  router.add({.method = "PUT",
              .path = kPath,
              .handler = server::StreamHandler([&door](const HttpRequest& request,
                                                       server::BodyReader reader,
                                                       server::Responder responder) {
                auto response = put_rows(door, request, reader);
                responder.answer(response.ok()
                                     ? std::move(*response)
                                     : door_problem(response.error(), request.request_id));
              }),
              .body_bytes_max = kRowsBytesMax});
  router.add(
      {.method = "GET",
       .path = kPath,
       .handler = server::StreamHandler(
           [&door](const HttpRequest& request, server::BodyReader, server::Responder responder) {
             get_rows(door, request, std::move(responder));
           }),
       .body_bytes_max = 0});
  router.add({.method = "DELETE",
              .path = kPath,
              .handler = door_handler(door, [&door](Attempt& attempt, const HttpRequest& request) {
                return delete_rows(door, attempt, request);
              })});
}

}  // namespace weir::worker
