// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/topic_archiver.h"

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blake3.h"
#include "base/crash_point.h"
#include "base/json_line.h"
#include "base/rfc3339.h"
#include "dagmanager/ports/queues/archive_objects.h"
#include "dagmanager/ports/queues/limits.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kFormat = "weir topic archive 1";

template <std::integral Number>
void append_number(std::string& out, Number value) {
  auto bits = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(Number); ++i, bits >>= 8U) {
    out += static_cast<char>(bits & 0xffU);
  }
}

void append_text(std::string& out, const std::optional<std::string>& text) {
  append_number(out, text ? static_cast<std::int32_t>(text->size()) : std::int32_t{-1});
  if (text) out += *text;
}

void append_message(std::string& out, const TopicMessage& message) {
  append_number(out, message.partition);
  append_number(out, message.offset);
  append_number(out, message.timestamp_ms);
  append_text(out, message.key);
  append_text(out, message.value);
}

/// How many bytes, and which.
struct Sum {
  base::Blake3 hash;
  std::uint64_t bytes = 0;

  void add(std::string_view piece) {
    hash.update(piece);
    bytes += piece.size();
  }
  std::string text() const {
    base::Digest digest{};
    hash.finish(digest);
    return "blake3:" + base::to_hex(digest);
  }
};

struct ReadPartition {
  PartitionRange range;
  std::uint64_t messages = 0;
};

std::string manifest_text(const ArchiveRequest& request,
                          const std::vector<ReadPartition>& partitions, const Sum& sum) {
  std::uint64_t messages = 0;
  for (const ReadPartition& partition : partitions) messages += partition.messages;
  std::string out;
  base::JsonLine manifest(out);
  manifest.text("format", kFormat).text("topic", request.topic.view()).text("tag", request.tag);
  manifest.number("interval", request.interval).key("partitions");
  base::append_json_list(out, partitions, [&](const ReadPartition& partition) {
    base::JsonLine(out)
        .number("partition", partition.range.partition)
        .number("first", partition.range.first)
        .number("end", partition.range.end)
        .number("messages", partition.messages)
        .end();
  });
  manifest.number("messages", messages).number("bytes", sum.bytes).text("checksum", sum.text());
  manifest.end();
  return out + "\n";
}

using Wanted = std::function<bool()>;

Result<void> check(const Wanted& wanted) {
  if (!wanted || wanted()) return {};
  return Error(Code::Aborted, "archive_stopped", "nobody waits for the archive any more");
}

Result<std::uint64_t> copy_partition(TopicContent& content, const graph::TopicName& topic,
                                     const PartitionRange& range, const Wanted& wanted,
                                     ArchiveWriter& out, Sum& sum) {
  std::uint64_t messages = 0;
  ContentCursor cursor{.partition = range.partition, .from = range.first, .end = range.end};
  while (cursor.from < cursor.end) {
    WEIR_CHECK(check(wanted));
    WEIR_TRY(const auto page, content.read(topic, cursor, kContentPage));
    if (page.empty()) break;
    std::string bytes;
    for (const TopicMessage& message : page) append_message(bytes, message);
    WEIR_CHECK(out.append(bytes));
    sum.add(bytes);
    messages += page.size();
    cursor.from = page.back().offset + 1;
  }
  return messages;
}

Result<Sum> sum_of(ArchiveStore& archive, const std::string& name, const Wanted& wanted) {
  Sum sum;
  WEIR_CHECK(archive.read(name, [&](std::string_view piece) -> Result<void> {
    WEIR_CHECK(check(wanted));
    sum.add(piece);
    return {};
  }));
  return sum;
}

}  // namespace

std::string archive_key(const ArchiveRequest& request) {
  std::string moment = base::rfc3339(request.moment);
  moment.resize(std::string_view("2026-01-02T03:04:05").size());
  std::erase_if(moment, [](char letter) { return letter == '-' || letter == ':'; });
  return request.topic.text() + '-' + moment;
}

Result<ArchivedTopic> TopicArchiver::archive(const ArchiveRequest& request, const Wanted& wanted) {
  ArchivedTopic archived{.key = archive_key(request), .messages = 0, .bytes = 0};
  const std::string content_name = archived.key + ".content";
  const std::string manifest_name = archived.key + ".manifest.json";
  WEIR_TRY(const auto ranges, content_.ranges(request.topic));
  WEIR_TRY(const auto writer, archive_.begin(content_name));
  Sum sum;
  std::vector<ReadPartition> partitions;
  for (const PartitionRange& range : ranges) {
    WEIR_TRY(const std::uint64_t messages,
             copy_partition(content_, request.topic, range, wanted, *writer, sum));
    partitions.push_back({range, messages});
    archived.messages += messages;
  }
  WEIR_CHECK(writer->finish());
  WEIR_CRASH_POINT("archive.content");
  const std::string manifest = manifest_text(request, partitions, sum);
  WEIR_CHECK(write_object(archive_, manifest_name, manifest));
  WEIR_CRASH_POINT("archive.manifest");
  WEIR_TRY(const Sum kept, sum_of(archive_, content_name, wanted));
  if (kept.bytes != sum.bytes || kept.text() != sum.text()) return archive_differs(content_name);
  WEIR_CHECK(compare_object(archive_, manifest_name, manifest));
  archived.bytes = sum.bytes;
  return archived;
}

}  // namespace weir::dagmanager
