// SPDX-License-Identifier: Apache-2.0
#include "drivers/http/transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace weir::http {
namespace {

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiFree {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using FieldList = std::unique_ptr<curl_slist, ListFree>;

bool is_repeatable(std::string_view method) { return method == "GET" || method == "HEAD"; }

/// One call under way: what libcurl's callbacks see, all on the thread of the call.
struct Exchange {
  const Call& call;
  const TransferLimits& limits;
  Reply reply = {};
  std::optional<Error> failure = {};  // why a callback ended it
  std::size_t header_bytes = 0;
  std::size_t sent = 0;  // of call.body
  bool sending = false;  // from here on the server may have seen the request
  bool refused_repeat = false;

  bool to_sink() const { return call.sink != nullptr && reply.status / 100 == 2; }
};

/// libcurl is about to send the request: the first time, or again because a kept connection closed
/// without a byte of an answer. The server may have carried it out all the same.
int on_connected(void* context, char* /*peer*/, char* /*local*/, int /*peer_port*/,
                 int /*local_port*/) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.sending && !is_repeatable(exchange.call.method)) {
    exchange.refused_repeat = true;
    return CURL_PREREQFUNC_ABORT;
  }
  exchange.sending = true;
  return CURL_PREREQFUNC_OK;
}

std::size_t on_room(char* room, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const Call& call = exchange.call;
  const std::size_t bytes = size * count;
  if (call.source == nullptr) {
    const std::size_t given = std::min(bytes, call.body.size() - exchange.sent);
    call.body.copy(room, given, exchange.sent);
    exchange.sent += given;
    return given;
  }
  Result<std::size_t> given = call.source({room, bytes});
  if (given.ok()) return *given;
  exchange.failure = std::move(given).error();
  return CURL_READFUNC_ABORT;
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::size_t length = size * count;
  const std::string_view line = base::trim({bytes, length});
  exchange.header_bytes += length;
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.failure = Error(Code::ResourceExhausted, "http_body_too_large",
                             "the fields of the answer are larger than their bound");
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // after "100 Continue" the real one follows
    exchange.reply.headers.clear();
    const std::size_t blank = std::min(line.find(' '), line.size());
    exchange.reply.status = std::atoi(std::string(line.substr(blank)).c_str());
    return length;
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    exchange.reply.headers.push_back({.name = std::string(line.substr(0, colon)),
                                      .value = std::string(base::trim(line.substr(colon + 1)))});
  }
  return length;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view block(bytes, size * count);
  if (exchange.to_sink()) {
    Result<void> taken = exchange.call.sink(block);
    if (taken.ok()) return block.size();
    exchange.failure = std::move(taken).error();
    return 0;
  }
  if (block.size() > exchange.limits.body_bytes_max - exchange.reply.body.size()) {
    exchange.failure = Error(
        Code::ResourceExhausted, "http_body_too_large",
        "the answer is larger than " + std::to_string(exchange.limits.body_bytes_max) + " bytes");
    return 0;
  }
  exchange.reply.body += block;
  return block.size();
}

/// Appends a line; false without memory, the list is as it was then.
bool append(FieldList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

/// The call's fields, and without what libcurl would add of its own.
FieldList field_list(const Call& call) {
  FieldList list;
  bool whole = append(list, "Accept:");
  // A body in memory is sent at once; before one of a source the server may refuse.
  if (call.source == nullptr) whole = whole && append(list, "Expect:");
  for (const Field& field : call.headers) {
    // "Name;" is how libcurl is told of an empty value.
    whole = whole &&
            append(list, field.value.empty() ? field.name + ";" : field.name + ": " + field.value);
  }
  return whole ? std::move(list) : nullptr;
}

std::string words(CURLcode code, const char* detail) {
  return *detail == '\0' ? curl_easy_strerror(code) : detail;
}

}  // namespace

Error cancelled_error() { return {Code::Cancelled, "http_cancelled", "the call was cancelled"}; }

Error timeout_error(std::string what) {
  return {Code::DeadlineExceeded, "http_timeout", std::move(what)};
}

class Transfer::State {
 public:
  explicit State(const Endpoint& endpoint) : endpoint_(endpoint) {}

  bool is_ready() const { return easy_ != nullptr && multi_ != nullptr; }
  Result<Reply> run(const Call& call, const TransferLimits& limits);

 private:
  /// False if libcurl refuses an option: no memory.
  bool prepare(Exchange& exchange, curl_slist* fields);
  bool prepare_body(const Call& call);
  template <class Value>
  void set(CURLoption option, Value value) {
    options_set_ = options_set_ && curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
  }
  /// Runs until libcurl is done or the flag is set; nothing if it was set.
  std::optional<CURLcode> drive(CancelFlag* cancel);
  Error error_of(CURLcode code, const Exchange& exchange) const;

  const Endpoint endpoint_;
  // The connection lives in the multi handle, which outlives the easy one.
  std::unique_ptr<CURLM, MultiFree> multi_{curl_multi_init()};
  std::unique_ptr<CURL, EasyFree> easy_{curl_easy_init()};
  bool options_set_ = true;
  char detail_[CURL_ERROR_SIZE] = {};  // NOLINT(modernize-avoid-c-arrays): libcurl's buffer
};

Result<std::unique_ptr<Transfer>> Transfer::create(const Endpoint& endpoint) {
  // Safe from several threads since libcurl 7.84; never undone, as others may use it too.
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto state = std::make_unique<State>(endpoint);
  if (kReady != CURLE_OK || !state->is_ready()) return base::internal("libcurl cannot start");
  return std::unique_ptr<Transfer>(new Transfer(std::move(state)));
}

Transfer::Transfer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transfer::~Transfer() = default;

Result<Reply> Transfer::run(const Call& call, const TransferLimits& limits) {
  return state_->run(call, limits);
}

bool Transfer::State::prepare_body(const Call& call) {
  const bool has_body = call.source != nullptr || !call.body.empty();
  // A request of these methods tells its length even if there is nothing.
  const bool takes_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (!has_body && !takes_body) {
    set(CURLOPT_HTTPGET, 1L);
    if (call.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  } else {
    // Uploading, libcurl asks for the body as it goes, and cannot repeat what has gone.
    const auto length =
        call.source == nullptr
            ? static_cast<curl_off_t>(call.body.size())
            : (call.source_bytes ? static_cast<curl_off_t>(*call.source_bytes) : curl_off_t{-1});
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, length);
  }
  set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
  return options_set_;
}

bool Transfer::State::prepare(Exchange& exchange, curl_slist* fields) {
  const Call& call = exchange.call;
  curl_easy_reset(easy_.get());
  options_set_ = true;
  detail_[0] = '\0';
  set(CURLOPT_URL, (endpoint_.url + call.path).c_str());
  if (!endpoint_.socket_path.empty()) {
    set(CURLOPT_UNIX_SOCKET_PATH, endpoint_.socket_path.c_str());
  }
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(kIdleMax.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(exchange.limits.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(exchange.limits.total_timeout.count()));
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(detail_));
  set(CURLOPT_HTTPHEADER, fields);
  set(CURLOPT_PREREQFUNCTION, &on_connected);
  set(CURLOPT_PREREQDATA, &exchange);
  set(CURLOPT_READFUNCTION, &on_room);
  set(CURLOPT_READDATA, &exchange);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &exchange);
  return prepare_body(call);
}

Result<Reply> Transfer::State::run(const Call& call, const TransferLimits& limits) {
  if (limits.total_timeout.count() <= 0) return timeout_error("no time is left to send it");
  const FieldList fields = field_list(call);
  Exchange exchange{.call = call, .limits = limits};
  if (fields == nullptr || !prepare(exchange, fields.get()) ||
      curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) {
    return base::internal("libcurl has no memory for a call");
  }
  const std::optional<CURLcode> ended = drive(call.cancel);
  // Taken out before its end, a call takes its connection with it.
  curl_multi_remove_handle(multi_.get(), easy_.get());
  if (!ended) return cancelled_error();
  if (*ended == CURLE_OK) return std::move(exchange.reply);
  if (exchange.failure) return *std::move(exchange.failure);
  return error_of(*ended, exchange);
}

std::optional<CURLcode> Transfer::State::drive(CancelFlag* cancel) {
  const CancelFlag::Watch watch(cancel, [this] { curl_multi_wakeup(multi_.get()); });
  int running = 1;
  while (running > 0) {
    if (cancel != nullptr && cancel->is_set()) return {};
    CURLMcode code = curl_multi_perform(multi_.get(), &running);
    // Sleeps until a socket moves, the flag is set or libcurl's own next deadline.
    if (code == CURLM_OK && running > 0) {
      code = curl_multi_poll(multi_.get(), nullptr, 0, kPollMaxMs, nullptr);
    }
    if (code != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
  if (message == nullptr || message->msg != CURLMSG_DONE) return CURLE_OUT_OF_MEMORY;
  return message->data.result;
}

Error Transfer::State::error_of(CURLcode code, const Exchange& exchange) const {
  const std::string what = exchange.call.method + " " + exchange.call.path + ": " +
                           words(code, static_cast<const char*>(detail_));
  if (code == CURLE_OUT_OF_MEMORY) return base::internal("libcurl: " + what);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    curl_off_t taken = 0;  // microseconds
    curl_easy_getinfo(easy_.get(), CURLINFO_TOTAL_TIME_T, &taken);
    if (exchange.sending || std::chrono::microseconds(taken) >= exchange.limits.total_timeout) {
      return timeout_error(what);
    }
  }
  if (!exchange.sending) return base::unavailable("http_unreachable", what);
  if (exchange.refused_repeat) {
    return base::unavailable("http_reply_lost", exchange.call.method + " " + exchange.call.path +
                                                    ": the connection closed before an answer");
  }
  return base::unavailable("http_reply_lost", what);
}

}  // namespace weir::http
