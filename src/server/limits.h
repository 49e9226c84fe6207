// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every bound of this folder, in one place (style guide, rule 25).
namespace weir::server {

/// HTTP listener.
inline constexpr std::size_t kHttpHeaderBytesMax = std::size_t{16} << 10;
inline constexpr std::size_t kHttpBodyBytesMaxDefault = std::size_t{64} << 10;
inline constexpr std::size_t kHttpConnectionsMax = 2048;
inline constexpr std::size_t kHttpHandlerThreads = 2;
inline constexpr std::size_t kHttpHandlersWaitingMax = 1024;
inline constexpr std::size_t kHttpHandlerBytesMax = std::size_t{64} << 20;
/// From the first byte of a request to its last; also for writing an answer.
inline constexpr std::chrono::milliseconds kHttpReadTimeout{10'000};
inline constexpr std::chrono::milliseconds kHttpWriteTimeout{30'000};
/// A kept connection without a request.
inline constexpr std::chrono::milliseconds kHttpIdleTimeout{60'000};
/// Bodies that a handler reads or writes in blocks: handlers at once, those that wait for a thread,
/// the size of a block read, what may wait in memory in each direction, and a peer's silence.
inline constexpr std::size_t kHttpStreamThreads = 4;
inline constexpr std::size_t kHttpStreamsWaitingMax = 64;
inline constexpr std::size_t kHttpStreamBlockBytes = std::size_t{64} << 10;
inline constexpr std::size_t kHttpStreamBufferBytes = std::size_t{256} << 10;
inline constexpr std::chrono::milliseconds kHttpStreamTimeout{30'000};
static_assert(kHttpStreamBlockBytes <= kHttpStreamBufferBytes, "one block must fit");
/// What a peer may send ahead while its request waits for an answer that comes later.
inline constexpr std::size_t kHttpAheadBytesMax = std::size_t{16} << 10;
/// Rights on the file of a Unix socket, and how often binding it is tried against others that come
/// and go at the same path.
inline constexpr unsigned kHttpSocketMode = 0600;
inline constexpr int kHttpSocketTriesMax = 16;
/// What is still read, and how long, after an answer that refused a request unread: closing at
/// once would reset the connection and lose the answer.
inline constexpr std::chrono::milliseconds kHttpLingerTimeout{1'000};
inline constexpr std::size_t kHttpLingerBytesMax = std::size_t{1} << 20;
/// Pause before the next accept after one that failed for lack of descriptors or memory.
inline constexpr std::chrono::milliseconds kHttpAcceptPause{100};
/// What `Retry-After` says with 429 and 503.
inline constexpr std::chrono::seconds kRetryAfter{1};

/// Event stream: readers of an instance; events read from the log at once; what is kept for readers
/// who are a little behind, and beyond which they are cut off; what a reader is given at once, and
/// may have unsent; reads of the log a round for those who start further back.
inline constexpr std::size_t kEventReadersMax = 1024;
inline constexpr std::size_t kEventPage = 500;
inline constexpr std::size_t kEventRecentBytes = std::size_t{1} << 20;
inline constexpr std::size_t kEventBlockBytes = std::size_t{64} << 10;
inline constexpr std::size_t kEventLogReads = 8;
/// A comment line to each reader; a look for events that nobody told of; the next try after the log
/// could not be read.
inline constexpr std::chrono::milliseconds kEventBeat{15'000};
inline constexpr std::chrono::milliseconds kEventLook{5'000};
inline constexpr std::chrono::milliseconds kEventRetry{500};

/// gRPC: what a status message may take on the wire after percent-encoding. Clients refuse more
/// than 8 KiB of metadata, of which the rest is room for other trailers.
inline constexpr std::size_t kGrpcMessageBytesMax = std::size_t{6} * 1024;
inline constexpr std::size_t kGrpcMetadataBytesMax = std::size_t{8} * 1024;
static_assert(kGrpcMessageBytesMax + 1024 <= kGrpcMetadataBytesMax,
              "the other trailers need room or the client loses the whole status");

/// Metrics: distinct label sets of a family that callers feed, before the rest counts as `other`.
inline constexpr std::size_t kLabelSetsMaxDefault = 1000;

/// Log: a message or a text field longer than this is cut.
inline constexpr std::size_t kLogTextBytesMax = std::size_t{16} << 10;

/// Heaps of the allocator that all threads share.
inline constexpr int kHeapsMax = 2;

}  // namespace weir::server
