// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/message_framer.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace weir::faultproxy {
namespace {

constexpr std::int32_t kSslRequest = 80877103;
constexpr std::int32_t kGssRequest = 80877104;
constexpr std::int32_t kProduceKey = 0;
constexpr std::int32_t kCreateTopicsKey = 19;

std::int32_t integer(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
  }
  return static_cast<std::int32_t>(value);
}

/// The zero-terminated text at `at`, which moves past it.
std::string_view text_at(std::string_view frame, std::size_t& at) {
  if (at >= frame.size()) {
    return {};
  }
  const std::size_t end = std::min(frame.find('\0', at), frame.size());
  const std::string_view text = frame.substr(at, end - at);
  at = end + 1;
  return text;
}

/// Whether the last statement of `sql` is COMMIT.
bool ends_in_commit(std::string_view sql) {
  const auto blank = [](char c) { return c == ';' || std::isspace(static_cast<unsigned char>(c)); };
  while (!sql.empty() && blank(sql.back())) {
    sql.remove_suffix(1);
  }
  const std::size_t before = sql.rfind(';');
  if (before != std::string_view::npos) {
    sql.remove_prefix(before + 1);
  }
  while (!sql.empty() && blank(sql.front())) {
    sql.remove_prefix(1);
  }
  std::string upper;
  for (const char c : sql) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return upper == "COMMIT";
}

}  // namespace

std::vector<Frame> MessageFramer::from_client(std::string_view bytes) {
  client_ += bytes;
  std::vector<Frame> frames;
  for (std::size_t size = client_frame_bytes(); size > 0; size = client_frame_bytes()) {
    Frame frame{client_.substr(0, size), Message::None};
    client_.erase(0, size);
    if (protocol_ == Protocol::Postgres) {
      frame.message = name_postgres_request(frame.bytes);
    } else if (protocol_ == Protocol::Kafka) {
      frame.message = name_kafka_request(frame.bytes);
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<Frame> MessageFramer::from_server(std::string_view bytes) {
  server_ += bytes;
  std::vector<Frame> frames;
  for (std::size_t size = server_frame_bytes(); size > 0; size = server_frame_bytes()) {
    Frame frame{server_.substr(0, size), Message::None};
    server_.erase(0, size);
    frame.message = name_reply(frame.bytes);
    frames.push_back(std::move(frame));
  }
  return frames;
}

/// The bytes of a message whose length field says `length`, 0 as long as it is not whole.
std::size_t MessageFramer::checked(std::size_t prefix_bytes, std::int64_t length) {
  if (length < 4 || static_cast<std::size_t>(length) > kMessageBytesMax) {
    broken_ = true;
    return 0;
  }
  return prefix_bytes + static_cast<std::size_t>(length);
}

std::size_t MessageFramer::client_frame_bytes() {
  if (protocol_ == Protocol::Tcp || broken_) {
    return broken_ ? 0 : client_.size();
  }
  const std::size_t type_bytes = protocol_ == Protocol::Postgres && started_ ? 1 : 0;
  if (client_.size() < type_bytes + 4) {
    return 0;
  }
  const std::int64_t length = integer(client_, type_bytes, 4);
  const std::size_t size = checked(protocol_ == Protocol::Kafka ? 4 : type_bytes, length);
  return size <= client_.size() ? size : 0;
}

std::size_t MessageFramer::server_frame_bytes() {
  if (protocol_ == Protocol::Tcp || broken_) {
    return broken_ ? 0 : server_.size();
  }
  if (encryption_answers_ > 0 && !server_.empty()) {
    return 1;
  }
  const std::size_t type_bytes = protocol_ == Protocol::Postgres ? 1 : 0;
  if (server_.size() < type_bytes + 4) {
    return 0;
  }
  const std::int64_t length = integer(server_, type_bytes, 4);
  const std::size_t size = checked(protocol_ == Protocol::Kafka ? 4 : 1, length);
  return size <= server_.size() ? size : 0;
}

Message MessageFramer::name_postgres_request(std::string_view frame) {
  if (!started_) {
    const std::int32_t code = frame.size() >= 8 ? integer(frame, 4, 4) : 0;
    const bool asks_encryption = code == kSslRequest || code == kGssRequest;
    encryption_answers_ += asks_encryption ? 1 : 0;
    started_ = !asks_encryption;
    return Message::None;
  }
  std::size_t at = 5;
  if (frame[0] == 'Q') {
    return ends_in_commit(text_at(frame, at)) ? Message::Commit : Message::None;
  }
  if (frame[0] == 'P') {
    const std::string name(text_at(frame, at));
    const bool commits = ends_in_commit(text_at(frame, at));
    commit_statements_.erase(name);
    if (commits && commit_statements_.size() < kRepliesAwaitedMax) {
      commit_statements_.insert(name);
    }
  } else if (frame[0] == 'B') {
    const std::string portal(text_at(frame, at));
    const std::string statement(text_at(frame, at));
    commit_portals_.erase(portal);
    if (commit_statements_.contains(statement) && commit_portals_.size() < kRepliesAwaitedMax) {
      commit_portals_.insert(portal);
    }
  } else if (frame[0] == 'E') {
    commit_executed_ =
        commit_executed_ || commit_portals_.contains(std::string(text_at(frame, at)));
  } else if (frame[0] == 'S') {
    // The server may hold its work until Sync: only here has the COMMIT surely been sent.
    return std::exchange(commit_executed_, false) ? Message::Commit : Message::None;
  }
  return Message::None;
}

Message MessageFramer::name_kafka_request(std::string_view frame) {
  if (frame.size() < 12) {
    return Message::None;
  }
  const std::int32_t key = integer(frame, 4, 2);
  if (key == kCreateTopicsKey) {
    if (creations_.size() < kRepliesAwaitedMax) {
      creations_.insert(integer(frame, 8, 4));
    }
    return Message::CreateTopics;
  }
  return key == kProduceKey ? Message::Produce : Message::None;
}

Message MessageFramer::name_reply(std::string_view frame) {
  if (protocol_ == Protocol::Kafka) {
    const bool created = frame.size() >= 8 && creations_.erase(integer(frame, 4, 4)) > 0;
    return created ? Message::CreateTopicsReply : Message::None;
  }
  if (protocol_ == Protocol::Postgres && encryption_answers_ > 0) {
    --encryption_answers_;
    broken_ = broken_ || frame == "S" || frame == "G";
    return Message::None;
  }
  std::size_t at = 5;
  const bool committed =
      protocol_ == Protocol::Postgres && frame[0] == 'C' && text_at(frame, at) == "COMMIT";
  return committed ? Message::CommitReply : Message::None;
}

}  // namespace weir::faultproxy
