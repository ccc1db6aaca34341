// SPDX-License-Identifier: Apache-2.0
#include "egress/exchange.h"

#include <utility>

#include "http/parser.h"

namespace vm0::egress {
namespace {

// Models think for long before they answer.
constexpr Seconds kIdleLimit{3600};
constexpr int kMaxInformational = 16;

std::unexpected<Error> NotHttp(const Error& error) {
  return Fail(Code::kUnreachable, "the server's answer is not taken: " + error.message);
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

Status CheckPlain(const ResponseHead& head) {
  for (const std::string_view coding : head.fields.All("Content-Encoding")) {
    if (!SameName(coding, "identity")) {
      return Fail(Code::kUnreachable,
                  "the server compressed its answer though it was asked not to");
    }
  }
  return {};
}

}  // namespace

Exchange::Exchange(Parts parts, Question question, Replacer replacer)
    : parts_(parts),
      question_(std::move(question)),
      replacer_(std::move(replacer)),
      idle_(parts.clock, kIdleLimit,
            [this] {
              parts_.server.Close();
              parts_.agent.CancelReading();
            }),
      sending_(parts.executor) {}

asio::awaitable<Exchange::Outcome> Exchange::Run() {
  const auto asked = co_await parts_.server.Write(question_.head, "");
  if (!asked) co_return Outcome{.failure = asked.error()};
  if (question_.wants_continue) {
    const auto told = co_await parts_.agent.Write("HTTP/1.1 100 Continue\r\n\r\n");
    gone_ = !told;
  }
  sending_.Spawn(SendBody());
  auto head = co_await ReadHead();
  Outcome outcome;
  if (head) {
    outcome = co_await Answer(std::move(*head));
  } else {
    outcome.failure = Explain(head.error());
  }
  over_ = true;
  parts_.server.Close();
  parts_.agent.CancelReading();
  co_await sending_.Join();
  outcome.gone = gone_;
  // It may quote what the server said.
  if (outcome.failure) outcome.failure->message = replacer_.Replace(outcome.failure->message);
  co_return outcome;
}

// What it fails for closes the connection to the server, so that Run hears of it. When it is the
// server that takes no more, its answer may say why.
asio::awaitable<void> Exchange::SendBody() {
  if (const auto sent = co_await SendPieces(); !sent) {
    bad_body_ = sent.error();
    parts_.server.Close();
    co_return;
  }
  if (over_ || !sent_ || !co_await parts_.agent.AwaitGone()) co_return;
  gone_ = true;
  parts_.server.Close();
}

// Fails for what the agent did only. Whoever waits for the agent once Run is over waits for ever:
// each wait for the server is followed by a look at that.
asio::awaitable<Status> Exchange::SendPieces() {
  BodyDecoder decoder(question_.framing);
  std::string& input = parts_.agent.input();
  const bool chunked = question_.framing.kind == Framing::Kind::kChunked;
  while (!decoder.done()) {
    if (input.empty()) {
      const auto count = co_await parts_.agent.Read();
      if (over_ || idle_.fired()) co_return Status{};
      gone_ = !count || *count == 0;
      if (gone_) co_return Fail(Code::kUnreachable, "the agent's connection has ended");
    }
    std::string piece;
    const auto taken = decoder.Put(input, piece);
    if (!taken) co_return Fail(taken.error());
    input.erase(0, *taken);
    if (piece.empty()) continue;
    parts_.entry.sent += static_cast<std::int64_t>(piece.size());
    if (chunked) piece = FormatChunk(piece);
    const auto written = co_await parts_.server.Write(piece, "");
    if (!written || over_) co_return Status{};
    idle_.Touch();
  }
  const std::string end = chunked ? FormatChunk("") : "";
  const auto written = co_await parts_.server.Write(end, "");
  sent_ = written.has_value();
  co_return Status{};
}

asio::awaitable<Result<ResponseHead>> Exchange::ReadHead() {
  for (int informational = 0; informational < kMaxInformational;) {
    auto head = TakeResponseHead(input_);
    if (!head) co_return NotHttp(head.error());
    if (*head && (*head)->status >= 200) co_return std::move(**head);
    if (*head && (*head)->status == 101) break;
    if (*head) {
      ++informational;
      continue;
    }
    const auto count = co_await parts_.server.Read(input_);
    if (!count) co_return Fail(count.error());
    if (*count == 0) {
      co_return Fail(Code::kUnreachable, "the server closed the connection without an answer");
    }
    idle_.Touch();
  }
  co_return Fail(Code::kUnreachable, "the server answered with what nobody asked for");
}

asio::awaitable<Exchange::Outcome> Exchange::Answer(ResponseHead head) {
  const auto framing = FramingOf(head, question_.method);
  if (!framing) co_return Outcome{.failure = NotHttp(framing.error()).error()};
  if (question_.expects_plain) {
    if (const auto plain = CheckPlain(head); !plain) co_return Outcome{.failure = plain.error()};
  }
  chunks_ = Rechunks(*framing);
  const bool ends_by_close = framing->kind == Framing::Kind::kUntilClose && !chunks_;
  stays_ = question_.stays && sent_ && !ends_by_close;
  parts_.entry.status = head.status;
  const std::string text = FormatHead(head, *framing);
  auto status = co_await parts_.agent.Write(text);
  gone_ = gone_ || !status;
  if (status) status = co_await RelayBody(*framing);
  if (!status && !gone_)
    parts_.entry.refusal = "the answer was cut: " + Explain(status.error()).message;
  co_return Outcome{.may_stay = status && stays_, .failure = std::nullopt};
}

// HTTP/1.0 knows no chunks.
bool Exchange::Rechunks(Framing framing) const {
  const bool unknown =
      framing.kind == Framing::Kind::kChunked || framing.kind == Framing::Kind::kUntilClose;
  return unknown && question_.minor_version == 1;
}

std::string Exchange::FormatHead(const ResponseHead& head, Framing framing) const {
  std::string text = "HTTP/1.1 " + std::to_string(head.status) + " ";
  text.append(http::ReasonPhrase(head.status)).append("\r\n");
  for (const Field& field : EndToEnd(head.fields)) {
    AppendField(text, replacer_.Replace(field.name), replacer_.Replace(field.value));
  }
  const auto length = head.fields.All("Content-Length");
  if (framing.kind == Framing::Kind::kLength) {
    AppendField(text, "Content-Length", std::to_string(framing.length));
  } else if (chunks_) {
    AppendField(text, "Transfer-Encoding", "chunked");
  } else if (question_.method == "HEAD" && !length.empty()) {
    AppendField(text, "Content-Length", length.front());
  }
  AppendField(text, "Connection", stays_ ? "keep-alive" : "close");
  return text + "\r\n";
}

asio::awaitable<Status> Exchange::RelayBody(Framing framing) {
  BodyDecoder decoder(framing);
  for (;;) {
    std::string piece;
    const auto taken = decoder.Put(input_, piece);
    if (!taken) co_return NotHttp(taken.error());
    input_.erase(0, *taken);
    piece = replacer_.Feed(piece);
    if (decoder.done()) piece += replacer_.Finish();
    auto written = co_await WritePiece(std::move(piece));
    if (!written) co_return written;
    if (decoder.done()) break;
    const auto count = co_await parts_.server.Read(input_);
    if (!count) co_return Fail(count.error());
    if (*count == 0) VM0_CO_TRY(decoder.PutEnd());
    idle_.Touch();
  }
  const std::string end = chunks_ ? FormatChunk("") : "";
  co_return co_await parts_.agent.Write(end);
}

asio::awaitable<Status> Exchange::WritePiece(std::string piece) {
  if (piece.empty()) co_return Status{};
  parts_.entry.received += static_cast<std::int64_t>(piece.size());
  if (chunks_) piece = FormatChunk(piece);
  auto written = co_await parts_.agent.Write(piece);
  gone_ = gone_ || !written;
  co_return written;
}

Error Exchange::Explain(Error error) const {
  if (bad_body_) return *bad_body_;
  if (idle_.fired()) return {Code::kDeadline, "nothing has come from the server for an hour"};
  return error;
}

}  // namespace vm0::egress
