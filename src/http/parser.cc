// SPDX-License-Identifier: Apache-2.0
#include "http/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>

#include "base/text.h"

namespace vm0::http {
namespace {

namespace beast = boost::beast::http;
using ErrorCode = boost::system::error_code;

// As string_body, but takes no memory on the word of a Content-Length.
struct PieceBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(beast::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, ErrorCode& error) { error = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, ErrorCode& error) {
      error = {};
      std::size_t count = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        count += buffer.size();
      }
      return count;
    }
    void finish(ErrorCode& error) { error = {}; }

   private:
    value_type& body_;
  };
};

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <class Parser>
void Limit(Parser& parser, const ParserLimits& limits) {
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  if (limits.body_bytes) {
    parser.body_limit(*limits.body_bytes);
  } else {
    parser.body_limit(boost::none);
  }
}

// `malformed` is the code for what is no HTTP.
Error ParseError(const ErrorCode& error, Code malformed) {
  if (error == beast::error::body_limit) {
    return {Code::kPayloadTooLarge, "body: larger than allowed"};
  }
  if (error == beast::error::header_limit) {
    return {malformed == Code::kBadRequest ? Code::kHeadersTooLarge : malformed,
            "headers: larger than allowed"};
  }
  return {malformed, "malformed HTTP message: " + error.message()};
}

// A field given twice means its values in one list (RFC 9110, 5.3).
template <class Fields>
Headers MakeHeaders(const Fields& fields) {
  Headers headers;
  for (const auto& field : fields) {
    const auto name = View(field.name_string());
    std::string value(View(field.value()));
    if (const auto first = headers.Find(name)) value = std::string(*first) + ", " + value;
    headers.Set(std::string(name), std::move(value));
  }
  return headers;
}

// A Beast parser, what it must not be given, and what it would mix up.
template <class Parser>
struct Guarded {
  Parser parser;
  // Without the fields behind a chunked body: those are nobody's here, and Beast adds them to the
  // head's, where a second Host or Authorization would count (RFC 9110, 6.5.1).
  Headers headers;
  bool has_left = false;  // some of the bytes it was given

  // `check`, a Status(message), looks at the head as soon as it is there.
  template <class Check>
  Result<std::size_t> Put(std::string_view bytes, Code malformed, Check check) {
    if (parser.is_header_done()) return PutBody(bytes, malformed);
    parser.eager(false);  // no further than the head
    VM0_ASSIGN(const std::size_t head, PutSome(bytes, malformed));
    if (!parser.is_header_done()) return head;
    headers = MakeHeaders(parser.get());
    VM0_TRY(check(parser.get()));
    parser.eager(true);
    has_left = false;
    VM0_ASSIGN(const std::size_t body, PutBody(bytes.substr(head), malformed));
    return head + body;
  }

 private:
  Result<std::size_t> PutBody(std::string_view bytes, Code malformed) {
    // Beast 1.81 asserts that "0\r\n", once seen, comes again with two bytes more. Nobody waits for
    // what is held back: no chunk with its line breaks is shorter.
    constexpr std::size_t kShortestChunk = 5;
    if (bytes.empty() || parser.is_done()) return 0;
    if (has_left && bytes.size() < kShortestChunk) return 0;
    return PutSome(bytes, malformed);
  }

  Result<std::size_t> PutSome(std::string_view bytes, Code malformed) {
    ErrorCode error;
    const auto count = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != beast::error::need_more) return Fail(ParseError(error, malformed));
    has_left = count < bytes.size();
    return count;
  }
};

// What Beast leaves open and another reader of the same bytes may understand in another way.
template <class Message>
Status CheckFraming(const Message& message) {
  const auto encodings = message.equal_range(beast::field::transfer_encoding);
  if (encodings.first != encodings.second) {
    const bool only_chunked = std::next(encodings.first) == encodings.second &&
                              ToLowerAscii(TrimAscii(View(encodings.first->value()))) == "chunked";
    if (!only_chunked || message.version() < 11) {
      return Fail(Code::kBadRequest, "Transfer-Encoding: only \"chunked\" is understood");
    }
    if (message.count(beast::field::content_length) != 0) {
      return Fail(Code::kBadRequest, "Content-Length and Transfer-Encoding exclude each other");
    }
  }
  if (message.count(beast::field::host) > 1) {
    return Fail(Code::kBadRequest, "Host: given more than once");
  }
  return {};
}

}  // namespace

struct RequestParser::Impl : Guarded<beast::request_parser<PieceBody>> {};

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>()) {
  Limit(impl_->parser, limits);
}
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::Put(std::string_view bytes) {
  return impl_->Put(bytes, Code::kBadRequest,
                    [](const auto& message) { return CheckFraming(message); });
}

bool RequestParser::header_done() const { return impl_->parser.is_header_done(); }
bool RequestParser::done() const { return impl_->parser.is_done(); }
bool RequestParser::is_http_1_0() const { return impl_->parser.get().version() < 11; }
bool RequestParser::keep_alive() const { return impl_->parser.get().keep_alive(); }

bool RequestParser::expects_continue() const {
  const auto expect = impl_->headers.Find("expect");
  return !is_http_1_0() && expect && ToLowerAscii(*expect) == "100-continue";
}

Request RequestParser::Take() {
  auto& message = impl_->parser.get();
  return Request{.method = std::string(View(message.method_string())),
                 .target = std::string(View(message.target())),
                 .headers = std::move(impl_->headers),
                 .body = std::move(message.body())};
}

struct ResponseParser::Impl : Guarded<beast::response_parser<PieceBody>> {};

ResponseParser::ResponseParser(std::string_view method, ParserLimits limits)
    : impl_(std::make_unique<Impl>()) {
  Limit(impl_->parser, limits);
  impl_->parser.skip(method == "HEAD");
}
ResponseParser::~ResponseParser() = default;

Result<std::size_t> ResponseParser::Put(std::string_view bytes) {
  return impl_->Put(bytes, Code::kUnreachable, [](const auto&) { return Status{}; });
}

Status ResponseParser::PutEnd() {
  ErrorCode error;
  // Beast wants to have seen a byte before the end.
  if (header_done()) impl_->parser.put_eof(error);
  if (error || !impl_->parser.is_done()) {
    return Fail(Code::kUnreachable, "the connection was closed in the middle of the answer");
  }
  return {};
}

bool ResponseParser::header_done() const { return impl_->parser.is_header_done(); }
bool ResponseParser::done() const { return impl_->parser.is_done(); }
bool ResponseParser::keep_alive() const {
  return impl_->parser.get().keep_alive() && !impl_->parser.need_eof();
}
int ResponseParser::status() const { return static_cast<int>(impl_->parser.get().result_int()); }

Response ResponseParser::TakeHead() {
  return Response{.status = status(), .headers = std::move(impl_->headers), .body = {}};
}

std::string ResponseParser::TakeBody() { return std::exchange(impl_->parser.get().body(), {}); }

std::string_view ReasonPhrase(int status) {
  return View(beast::obsolete_reason(static_cast<beast::status>(status)));
}

}  // namespace vm0::http
