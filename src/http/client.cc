// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "base/text.h"
#include "http/call.h"
#include "http/parser.h"
#include "http/websocket.h"
#include "http/wire.h"
#include "os/random.h"

namespace vm0::http {
namespace {

constexpr ParserLimits kSendLimits = {.header_bytes = 64 << 10, .body_bytes = 64 << 20};
constexpr ParserLimits kStreamLimits = {.header_bytes = 64 << 10, .body_bytes = std::nullopt};

// Of a file, read and sent at once.
constexpr std::size_t kUploadPiece = 256 << 10;
// Of an answer that is an error instead of a stream.
constexpr std::size_t kRefusalBytes = 64 << 10;

// One request and the answer to it on one connection.
class Talk {
 public:
  Talk(Connection& connection, std::string_view method, ParserLimits limits)
      : connection_(connection), method_(method), limits_(limits) {
    Restart();
  }

  // A server may refuse a body before it has read it all: writing fails, and yet there is an answer
  // to read. So it is ReadHead that reports the failure.
  asio::awaitable<void> Write(std::string_view head, std::string_view body) {
    written_ = co_await connection_.Write(head, body);
  }
  // Piece by piece; `call` gets its time anew with each.
  asio::awaitable<Status> WriteFile(const std::string& head, const FileBody& body, Call& call) {
    written_ = co_await connection_.Write(head, body.before);
    std::string piece;
    for (std::size_t sent = 0; written_ && sent < body.size; sent += piece.size()) {
      piece.resize(std::min(body.size - sent, kUploadPiece));
      const auto count = ::pread(body.file, piece.data(), piece.size(), static_cast<off_t>(sent));
      if (count < 0) co_return Fail(SystemError("read the file to send"));
      if (count == 0) co_return Fail(Code::kIo, "the file to send is shorter than it was");
      piece.resize(static_cast<std::size_t>(count));
      written_ = co_await connection_.Write(piece, "");
      call.Restart();
    }
    if (written_) written_ = co_await connection_.Write(body.after, "");
    co_return Status{};
  }
  asio::awaitable<Status> ReadHead() {
    do {
      auto status = co_await Step();
      if (!status) co_return status;
      if (parser_->header_done() && IsInterim(parser_->status())) Restart();
    } while (!parser_->header_done());
    co_return Status{};
  }
  asio::awaitable<Status> ReadBody() {
    while (!parser_->done()) {
      auto status = co_await Step();
      if (!status) co_return status;
    }
    co_return Status{};
  }
  // The beginning of the body, or all of it.
  asio::awaitable<Result<std::string>> ReadSomeBody() {
    std::string body = parser_->TakeBody();
    while (!parser_->done() && body.size() < kRefusalBytes) {
      auto status = co_await Step();
      if (!status) co_return Fail(status.error());
      body += parser_->TakeBody();
    }
    co_return body;
  }
  // Parses what there is, after reading some more if that gets no further.
  asio::awaitable<Status> Step() {
    if (input_.empty() || stuck_) {
      const std::size_t before = input_.size();
      auto count = co_await connection_.Read(input_);
      if (!count) co_return Fail(count.error());
      answered_ = answered_ || *count > 0;
      if (*count == 0) co_return AtEnd(before);
    }
    const auto taken = parser_->Put(input_);
    if (!taken) co_return Fail(taken.error());
    input_.erase(0, *taken);
    stuck_ = *taken == 0;
    co_return Status{};
  }

  ResponseParser& parser() { return *parser_; }
  bool answered() const { return answered_; }
  // What came behind the answer.
  std::string TakeInput() { return std::exchange(input_, {}); }
  bool may_keep() const { return written_ && parser_->keep_alive() && input_.empty(); }

 private:
  // 100 Continue, which another answer follows.
  static bool IsInterim(int status) { return status < 200 && status != 101; }
  void Restart() {
    parser_ = std::make_unique<ResponseParser>(method_, limits_);
    stuck_ = false;
  }
  Status AtEnd(std::size_t unparsed) {
    if (!answered_ && !written_) return written_;
    if (!answered_) return Fail(Code::kUnreachable, "the connection was closed without an answer");
    if (unparsed > 0) {
      return Fail(Code::kUnreachable, "the connection was closed in the middle of the answer");
    }
    return parser_->PutEnd();
  }

  Connection& connection_;
  std::string method_;
  ParserLimits limits_;
  std::unique_ptr<ResponseParser> parser_;
  std::string input_;
  Status written_;
  bool stuck_ = false;     // input_ holds less than the parser needs
  bool answered_ = false;  // a byte of an answer has come
};

bool MayRepeat(const Request& request) {
  return request.method == "GET" || request.headers.Find("Idempotency-Key").has_value();
}

// A connection in use by a call; closed when the call's coroutine goes before it is done.
class Lease {
 public:
  Lease(Call& call, std::shared_ptr<Connection> connection)
      : call_(call), connection_(std::move(connection)) {
    call_.Use(connection_);
  }
  ~Lease() {
    call_.Use(nullptr);
    if (connection_) connection_->Close();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Connection& operator*() { return *connection_; }
  Connection* operator->() { return connection_.get(); }
  std::shared_ptr<Connection> Keep() {
    call_.Use(nullptr);
    return std::move(connection_);
  }

 private:
  Call& call_;
  std::shared_ptr<Connection> connection_;
};

struct Answer {
  Result<Response> response;
  bool answered = true;  // false: no byte came
};

// Errors without the endpoint's name.
asio::awaitable<Answer> SendOn(ClientContext& context, Lease& lease, const std::string& head,
                               const Request& request) {
  Talk talk(*lease, request.method, kSendLimits);
  co_await talk.Write(head, request.body);
  auto status = co_await talk.ReadHead();
  if (status) status = co_await talk.ReadBody();
  if (!status) co_return Answer{Fail(status.error()), talk.answered()};
  Response response = talk.parser().TakeHead();
  response.body = talk.parser().TakeBody();
  if (talk.may_keep()) context.kept = lease.Keep();
  co_return Answer{std::move(response), true};
}

asio::awaitable<Result<Response>> SendInTurn(ClientContext& context, Call& call,
                                             const Request& request) {
  const std::string head =
      FormatRequestHead(request, context.endpoint.base_path, context.endpoint.Authority());
  if (context.kept && !context.kept->IsStale()) {
    Lease lease(call, std::exchange(context.kept, nullptr));
    auto answer = co_await SendOn(context, lease, head, request);
    const bool again = !answer.response && !answer.answered && !call.ended() && MayRepeat(request);
    if (!again) co_return std::move(answer.response);
  }
  context.kept = nullptr;
  Lease lease(call, context.dialer.Dial());
  auto connected = co_await lease->Connect();
  if (!connected) co_return Fail(connected.error());
  auto answer = co_await SendOn(context, lease, head, request);
  co_return std::move(answer.response);
}

asio::awaitable<Result<Response>> SendQueued(std::shared_ptr<ClientContext> context,
                                             Request request, Micros timeout) {
  Call call(context, timeout);
  Turn turn(context);
  co_await turn.Wait(call);
  if (call.ended()) co_return Fail(*call.ended());
  auto response = co_await SendInTurn(*context, call, request);
  if (!response) co_return Fail(call.Explain(response.error()));
  co_return response;
}

asio::awaitable<Result<Response>> UploadFile(std::shared_ptr<ClientContext> context,
                                             Request request, FileBody body, Micros stall) {
  Call call(context, stall);
  Lease lease(call, context->dialer.Dial());
  const std::size_t size = body.before.size() + body.size + body.after.size();
  const std::string head =
      FormatRequestHead(request, context->endpoint.base_path, context->endpoint.Authority(), size);
  Talk talk(*lease, request.method, kSendLimits);
  auto status = co_await lease->Connect();
  if (!status) co_return Fail(call.Explain(status.error()));
  status = co_await talk.WriteFile(head, body, call);
  if (!status) co_return Fail(status.error());
  status = co_await talk.ReadHead();
  if (status) status = co_await talk.ReadBody();
  if (!status) co_return Fail(call.Explain(status.error()));
  Response response = talk.parser().TakeHead();
  response.body = talk.parser().TakeBody();
  co_return response;
}

class BodyStream final : public ResponseStream {
 public:
  // Survives this object while a Read is under way.
  struct State {
    std::string endpoint;
    std::shared_ptr<Connection> connection;
    std::unique_ptr<Talk> talk;
    bool closed = false;
  };
  BodyStream(std::shared_ptr<State> state, Response head)
      : state_(std::move(state)), head_(std::move(head)) {}
  ~BodyStream() override { Close(); }

  const Response& head() const override { return head_; }
  asio::awaitable<Result<std::string>> Read() override {
    auto state = state_;
    return ReadFrom(std::move(state));
  }
  void Close() override {
    state_->closed = true;
    state_->connection->Close();
  }

 private:
  static asio::awaitable<Result<std::string>> ReadFrom(std::shared_ptr<State> state) {
    for (;;) {
      if (state->closed) co_return Fail(Code::kUnreachable, state->endpoint + ": stream closed");
      std::string piece = state->talk->parser().TakeBody();
      if (!piece.empty() || state->talk->parser().done()) co_return piece;
      const auto status = co_await state->talk->Step();
      if (!status && !state->closed) {
        co_return Fail(status.error().code, state->endpoint + ": " + status.error().message);
      }
    }
  }

  std::shared_ptr<State> state_;
  Response head_;
};

asio::awaitable<Result<std::unique_ptr<ResponseStream>>> Open(
    std::shared_ptr<ClientContext> context, Request request, Micros timeout) {
  Call call(context, timeout);
  Lease lease(call, context->dialer.Dial());
  auto state = std::make_shared<BodyStream::State>();
  state->endpoint = context->endpoint.ToString();
  state->talk = std::make_unique<Talk>(*lease, request.method, kStreamLimits);
  const std::string head =
      FormatRequestHead(request, context->endpoint.base_path, context->endpoint.Authority());
  auto status = co_await lease->Connect();
  if (status) co_await state->talk->Write(head, request.body);
  if (status) status = co_await state->talk->ReadHead();
  if (!status) co_return Fail(call.Explain(status.error()));
  Response response = state->talk->parser().TakeHead();
  if (response.status < 200 || response.status > 299) {
    auto body = co_await state->talk->ReadSomeBody();
    if (!body) co_return Fail(call.Explain(body.error()));
    response.body = std::move(*body);
  }
  state->connection = lease.Keep();
  co_return std::make_unique<BodyStream>(std::move(state), std::move(response));
}

// Longer messages than a server may send us.
constexpr std::size_t kMessageLimit = 64 << 20;

class ClientWebSocket final : public WebSocketStream {
 public:
  // Survives this object while a Read is under way.
  struct State {
    std::string endpoint;
    std::shared_ptr<Connection> connection;
    WebSocketParser parser{WebSocketParser::From::kServer, kMessageLimit};
    std::string input;
    std::deque<WebSocketParser::Message> messages;
    int close_code = 0;
    bool closed = false;
  };
  explicit ClientWebSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~ClientWebSocket() override { Close(); }

  asio::awaitable<Result<std::optional<std::string>>> Read() override {
    auto state = state_;
    return ReadFrom(std::move(state));
  }
  int close_code() const override { return state_->close_code; }
  void Close() override {
    state_->closed = true;
    state_->connection->Close();
  }

 private:
  static asio::awaitable<Result<std::optional<std::string>>> ReadFrom(
      std::shared_ptr<State> state) {
    for (;;) {
      if (state->closed) co_return Fail(Code::kUnreachable, state->endpoint + ": closed");
      while (!state->messages.empty()) {
        auto message = std::move(state->messages.front());
        state->messages.pop_front();
        if (message.opcode == WebSocketOpcode::kText) co_return std::move(message.payload);
        if (message.opcode == WebSocketOpcode::kPing) {
          message.opcode = WebSocketOpcode::kPong;
          co_await Say(*state, message);
          co_return std::string();
        }
        if (message.opcode == WebSocketOpcode::kClose) {
          state->close_code = CloseCodeOf(message.payload);
          state->closed = true;
          co_await Say(*state, message);
          co_return std::nullopt;
        }
      }
      VM0_CO_TRY(co_await Receive(*state));
    }
  }
  static asio::awaitable<Status> Receive(State& state) {
    auto failure = [&state](const Error& error) {
      return Fail(Code::kUnreachable, state.endpoint + ": " + error.message);
    };
    if (state.input.empty()) {
      const auto count = co_await state.connection->Read(state.input);
      if (!count) co_return failure(count.error());
      if (*count == 0) co_return failure({Code::kUnreachable, "the WebSocket broke off"});
    }
    auto messages = state.parser.Feed(std::exchange(state.input, {}));
    if (!messages) co_return failure(messages.error());
    for (auto& message : *messages) state.messages.push_back(std::move(message));
    co_return Status{};
  }
  // Whether it could be said shows when the next message is read.
  static asio::awaitable<void> Say(State& state, const WebSocketParser::Message& message) {
    const std::string random = os::RandomBytes(4);
    std::array<unsigned char, 4> mask{};
    std::copy(random.begin(), random.end(), mask.begin());
    std::string frame;
    AppendMaskedFrame(frame, message.opcode, message.payload, mask);
    (void)co_await state.connection->Write(frame, "");
  }
  static int CloseCodeOf(std::string_view payload) {
    if (payload.size() < 2) return close_code::kNormal;
    return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
  }

  std::shared_ptr<State> state_;
};

asio::awaitable<Result<WebSocketAnswer>> OpenSocket(std::shared_ptr<ClientContext> context,
                                                    Request request, Micros timeout) {
  Call call(context, timeout);
  Lease lease(call, context->dialer.Dial());
  const std::string key = Base64Encode(os::RandomBytes(16));
  request.headers.Set("Upgrade", "websocket");
  request.headers.Set("Sec-WebSocket-Version", "13");
  request.headers.Set("Sec-WebSocket-Key", key);
  const std::string head =
      FormatRequestHead(request, context->endpoint.base_path, context->endpoint.Authority());
  Talk talk(*lease, request.method, kStreamLimits);
  auto status = co_await lease->Connect();
  if (status) co_await talk.Write(head, request.body);
  if (status) status = co_await talk.ReadHead();
  const bool is_accepted = status && talk.parser().status() == 101;
  Result<std::string> body = std::string();
  if (status && !is_accepted) body = co_await talk.ReadSomeBody();
  if (!body) status = Fail(body.error());
  if (!status) co_return Fail(call.Explain(status.error()));
  WebSocketAnswer answer;
  answer.refusal = talk.parser().TakeHead();
  if (!is_accepted) {
    answer.refusal.body = std::move(*body);
    co_return answer;
  }
  if (answer.refusal.headers.Find("Sec-WebSocket-Accept") != WebSocketAccept(key))
    co_return Fail(call.Explain({Code::kUnreachable, "what answers is no WebSocket"}));
  auto state = std::make_shared<ClientWebSocket::State>();
  state->endpoint = context->endpoint.ToString();
  state->input = talk.TakeInput();
  state->connection = lease.Keep();
  answer.stream = std::make_unique<ClientWebSocket>(std::move(state));
  co_return answer;
}

}  // namespace

class Client::Impl {
 public:
  Impl(asio::io_context& loop, os::Clock& clock, Endpoint endpoint)
      : context(std::make_shared<ClientContext>(loop, clock, std::move(endpoint))) {}

  std::shared_ptr<ClientContext> context;
};

Client::Client(asio::io_context& loop, os::Clock& clock, Endpoint endpoint)
    : endpoint_(endpoint), impl_(std::make_shared<Impl>(loop, clock, std::move(endpoint))) {}

Client::~Client() { Close(); }

asio::awaitable<Result<Response>> Client::Send(Request request, Micros timeout) {
  auto context = impl_->context;
  return SendQueued(std::move(context), std::move(request), timeout);
}

asio::awaitable<Result<Response>> Client::Upload(Request request, FileBody body, Micros stall) {
  auto context = impl_->context;
  return UploadFile(std::move(context), std::move(request), std::move(body), stall);
}

asio::awaitable<Result<std::unique_ptr<ResponseStream>>> Client::OpenStream(Request request,
                                                                            Micros timeout) {
  auto context = impl_->context;
  return Open(std::move(context), std::move(request), timeout);
}

asio::awaitable<Result<WebSocketAnswer>> Client::OpenWebSocket(Request request, Micros timeout) {
  auto context = impl_->context;
  return OpenSocket(std::move(context), std::move(request), timeout);
}

void Client::Close() {
  ClientContext& context = *impl_->context;
  const std::vector<Call*> calls(context.calls.begin(), context.calls.end());
  for (Call* call : calls) {
    call->End({Code::kUnreachable, endpoint_.ToString() + ": the client was closed"});
  }
  if (context.kept) std::exchange(context.kept, nullptr)->Close();
}

}  // namespace vm0::http
