// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/groups.h"

#include <algorithm>
#include <span>

#include "drivers/kafka/calls.h"

namespace weir::kafka {
namespace {

using OffsetsWanted =
    Owned<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;

}  // namespace

Result<std::vector<std::string>> Groups::list() const {
  const Deadline deadline(client_);
  rd_kafka_t* handle = client_.handle();
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_ListConsumerGroups(handle, options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "list consumer groups"));
  const auto* listed = rd_kafka_event_ListConsumerGroups_result(event.get());
  std::size_t count = 0;
  const auto** errors = rd_kafka_ListConsumerGroups_result_errors(listed, &count);
  // A broker that is gone is named here: its groups are another's soon, and not known now.
  if (count > 0) {
    return client_error(rd_kafka_error_code(errors[0]), "list consumer groups",
                        rd_kafka_error_string(errors[0]));
  }
  const auto** groups = rd_kafka_ListConsumerGroups_result_valid(listed, &count);
  std::vector<std::string> names;
  for (const auto* group : std::span(groups, count)) {
    names.emplace_back(rd_kafka_ConsumerGroupListing_group_id(group));
  }
  std::ranges::sort(names);
  return names;
}

Result<std::vector<CommittedOffset>> Groups::committed(const std::string& group) const {
  const Deadline deadline(client_);
  rd_kafka_t* handle = client_.handle();
  const OffsetsWanted wanted(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  auto* plain = wanted.get();
  rd_kafka_ListConsumerGroupOffsets(handle, &plain, 1, options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "read a group's offsets"));
  std::size_t count = 0;
  const auto** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  std::vector<CommittedOffset> offsets;
  for (const auto* one : std::span(groups, count)) {
    if (const auto* failed = rd_kafka_group_result_error(one); failed != nullptr) {
      return client_error(rd_kafka_error_code(failed), "read a group's offsets",
                          rd_kafka_error_string(failed));
    }
    const auto* partitions = rd_kafka_group_result_partitions(one);
    if (partitions == nullptr) continue;
    for (const auto& at : std::span(partitions->elems, static_cast<std::size_t>(partitions->cnt))) {
      if (at.offset < 0 || at.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      offsets.push_back({.topic = at.topic, .partition = at.partition, .offset = at.offset});
    }
  }
  return offsets;
}

}  // namespace weir::kafka
