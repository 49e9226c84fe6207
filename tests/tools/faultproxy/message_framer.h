// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir::faultproxy {

enum class Protocol { Tcp, Postgres, Kafka };

/// What a rule can cut at. A request is passed on before the cut, a reply is withheld.
enum class Message { None, Commit, CommitReply, CreateTopics, CreateTopicsReply, Produce };

/// Bytes that are passed on together: one whole message of the protocol.
struct Frame {
  std::string bytes;
  Message message = Message::None;
};

/// A longer message is not held; its connection ends.
inline constexpr std::size_t kMessageBytesMax = std::size_t{64} << 20;
/// Replies that one connection still waits for.
inline constexpr std::size_t kRepliesAwaitedMax = 1024;

/// Cuts the two byte streams of one connection into messages and names those that rules know.
/// PostgreSQL inside TLS is not seen: the proxy needs sslmode=disable. One thread.
class MessageFramer {
 public:
  explicit MessageFramer(Protocol protocol) : protocol_(protocol) {}

  std::vector<Frame> from_client(std::string_view bytes);
  std::vector<Frame> from_server(std::string_view bytes);
  /// A message was longer than the bound or had an impossible length.
  bool broken() const { return broken_; }

 private:
  std::size_t client_frame_bytes();
  std::size_t server_frame_bytes();
  std::size_t checked(std::size_t prefix_bytes, std::int64_t length);
  Message name_postgres_request(std::string_view frame);
  Message name_kafka_request(std::string_view frame);
  Message name_reply(std::string_view frame);

  Protocol protocol_;
  bool broken_ = false;
  std::string client_;
  std::string server_;
  // PostgreSQL.
  bool started_ = false;
  int encryption_answers_ = 0;
  std::set<std::string> commit_statements_;
  std::set<std::string> commit_portals_;
  bool commit_executed_ = false;
  // Kafka: correlation ids of CreateTopics requests.
  std::set<std::int32_t> creations_;
};

}  // namespace weir::faultproxy
