// SPDX-License-Identifier: Apache-2.0
#include "egress/session.h"

#include <utility>

#include "base/host_rule.h"
#include "egress/forwarded_request.h"
#include "egress/tunnel.h"

namespace vm0::egress {
namespace {

constexpr Seconds kHeadPatience{30};
constexpr Seconds kNextRequestPatience{300};
constexpr Seconds kLingerPatience{2};
constexpr std::size_t kMaxLinger = 1 << 20;

std::string FormatRefusal(const Error& error) {
  const std::string text = "vm0: " + error.message + "\n";
  const int status = InfoOf(error.code).http_status;
  return "HTTP/1.1 " + std::to_string(status) + " vm0\r\nContent-Type: text/plain; charset=utf-8" +
         "\r\nContent-Length: " + std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" +
         text;
}

// What the two kinds of requests that are sent on have in common.
Result<Question> MakeQuestion(const RequestHead& head) {
  Question question;
  VM0_ASSIGN(question.framing, FramingOf(head));
  question.method = head.method;
  question.minor_version = head.minor_version;
  question.stays = WantsToStay(head.minor_version, head.fields);
  const auto expectations = head.fields.All("Expect");
  question.wants_continue = head.minor_version == 1 && !expectations.empty() &&
                            SameName(expectations.front(), "100-continue");
  return question;
}

}  // namespace

Session::Session(std::shared_ptr<SessionContext> context, os::Fd socket)
    : context_(std::move(context)), agent_(context_->loop, std::move(socket)) {}

asio::awaitable<void> Session::Run() {
  for (;;) {
    const Next next = co_await ServeOne();
    Log();
    upstream_.reset();
    if (stopped_ || next == Next::kEnd) break;
    is_first_ = false;
  }
  agent_.Close();
}

void Session::Stop() {
  Log();
  stopped_ = true;
  agent_.Close();
  if (upstream_) upstream_->Close();
}

asio::awaitable<Session::Next> Session::ServeOne() {
  auto head = co_await ReadHead();
  if (stopped_) co_return Next::kEnd;
  if (!head) {
    Open("", "", "");
    co_return co_await Refuse(head.error());
  }
  if (!*head) co_return Next::kEnd;
  if (context_->options.ready) co_await context_->options.ready();
  if (stopped_) co_return Next::kEnd;
  auto request = std::move(**head);
  co_return co_await Serve(std::move(request));
}

// nullopt when the agent has gone, or says nothing.
asio::awaitable<Result<std::optional<RequestHead>>> Session::ReadHead() {
  bool late = false;
  const auto limit = [this, &late](Seconds patience) {
    return os::Timer(context_->clock, context_->clock.Now() + patience, [this, &late] {
      late = true;
      agent_.CancelReading();
    });
  };
  bool begun = !agent_.input().empty();
  os::Timer timer = limit(begun || is_first_ ? kHeadPatience : kNextRequestPatience);
  for (;;) {
    auto head = TakeRequestHead(agent_.input());
    if (!head || *head) co_return head;
    const auto count = co_await agent_.Read();
    const bool empty = agent_.input().empty();
    if (late && !empty) co_return Fail(Code::kDeadline, "the request did not come within 30 s");
    if (!count || (*count == 0 && empty)) co_return std::nullopt;
    if (*count == 0) co_return Fail(Code::kBadRequest, "the request was cut");
    if (!begun) timer = limit(kHeadPatience);
    begun = true;
  }
}

asio::awaitable<Session::Next> Session::Serve(RequestHead head) {
  if (head.method == "CONNECT") co_return co_await Connect(std::move(head));
  if (head.target.starts_with('/')) {
    std::string origin = head.target;
    co_return co_await AskGateway(std::move(head), std::move(origin));
  }
  auto target = ParseAbsoluteTarget(head.target);
  if (!target) {
    Open(head.method, "", "");
    co_return co_await Refuse(target.error());
  }
  if (IsOwn(target->authority)) {
    std::string origin = std::move(target->origin);
    co_return co_await AskGateway(std::move(head), std::move(origin));
  }
  auto found = std::move(*target);
  co_return co_await Forward(std::move(head), std::move(found));
}

asio::awaitable<Session::Next> Session::Connect(RequestHead head) {
  const auto authority = ParseConnectTarget(head.target);
  Open(head.method, authority ? authority->ToString() : "", "");
  const auto framing = FramingOf(head);
  if (!authority) co_return co_await Refuse(authority.error());
  if (!framing) co_return co_await Refuse(framing.error());
  if (framing->kind == Framing::Kind::kChunked || framing->length > 0) {
    Error error{Code::kBadRequest, "CONNECT has no body"};
    co_return co_await Refuse(std::move(error));
  }
  Authority whom = *authority;
  co_return co_await OpenTunnel(std::move(whom));
}

asio::awaitable<Session::Next> Session::OpenTunnel(Authority authority) {
  static constexpr std::string_view kOpen = "HTTP/1.1 200 Connection established\r\n\r\n";
  if (IsOwn(authority)) {  // what comes next is for the gateway
    entry_.status = 200;
    const auto written = co_await agent_.Write(kOpen);
    co_return written ? Next::kRequest : Next::kEnd;
  }
  const Rules& rules = context_->options.rules;
  if (auto allowed = rules.CheckHost(authority.host, authority.port); !allowed) {
    co_return co_await Refuse(std::move(allowed).error());
  }
  http::Dialer dialer(context_->loop, http::Endpoint{});
  upstream_.emplace(context_->clock, *context_->options.resolver);
  Upstream::Check check = [&rules, &authority](const asio::ip::address& address) {
    return rules.CheckAddress(authority.host, address, authority.port);
  };
  auto server = co_await upstream_->Connect(dialer, authority, std::move(check));
  if (stopped_) co_return Next::kEnd;
  if (!server) co_return co_await Refuse(std::move(server).error());
  entry_.status = 200;
  const auto written = co_await agent_.Write(kOpen);
  if (!written || stopped_) co_return Next::kEnd;
  Tunnel tunnel({context_->loop.get_executor(), agent_, **server, context_->clock, entry_});
  co_await tunnel.Run();
  co_return Next::kEnd;
}

asio::awaitable<Session::Next> Session::Forward(RequestHead head, AbsoluteTarget target) {
  const Authority authority = target.authority;
  Open(head.method, authority.ToString(), PathOf(target.origin));
  auto question = MakeQuestion(head);
  if (!question) co_return co_await Refuse(std::move(question).error());
  if (auto fit = CheckMethod(head.method); !fit) co_return co_await Refuse(std::move(fit).error());
  const Rules& rules = context_->options.rules;
  if (auto allowed = rules.CheckHost(authority.host, authority.port); !allowed) {
    co_return co_await Refuse(std::move(allowed).error());
  }
  question->head = FormatRequest(head, target.origin, authority.HostField(), question->framing,
                                 EndToEnd(head.fields));
  http::Dialer dialer(context_->loop, http::Endpoint{});
  Upstream::Check check = [&rules, &authority](const asio::ip::address& address) {
    return rules.CheckAddress(authority.host, address, authority.port);
  };
  auto asked = std::move(*question);
  Authority whom = authority;
  Replacer replacer;
  co_return co_await Ask(dialer, std::move(whom), std::move(check), std::move(asked),
                         std::move(replacer));
}

asio::awaitable<Session::Next> Session::AskGateway(RequestHead head, std::string origin) {
  if (!context_->options.gateway) {
    Open(head.method, "", PathOf(origin));
    Error error{Code::kBadRequest, "this is the run's proxy, and no server of its own"};
    co_return co_await Refuse(std::move(error));
  }
  const Gateway& gateway = *context_->options.gateway;
  const auto authority = AuthorityOf(gateway.upstream);
  Open(head.method, authority ? authority->ToString() : "", PathOf(origin));
  if (!authority) co_return co_await Refuse(authority.error());
  auto question = MakeQuestion(head);
  if (!question) co_return co_await Refuse(std::move(question).error());
  auto text = FormatGatewayRequest(gateway, head, origin, question->framing);
  if (!text) co_return co_await Refuse(std::move(text).error());
  question->head = std::move(*text);
  question->expects_plain = true;
  Upstream::Check check = [this, &gateway](const asio::ip::address& address) -> Status {
    if (gateway.reach == Gateway::Reach::kAnywhere) return {};
    const auto whom = AuthorityOf(gateway.upstream);
    return context_->options.rules.CheckAddress(whom->host, address, whom->port);
  };
  auto asked = std::move(*question);
  Authority whom = *authority;
  Replacer replacer = MakeAnswerReplacer(gateway);
  co_return co_await Ask(*context_->gateway, std::move(whom), std::move(check), std::move(asked),
                         std::move(replacer));
}

asio::awaitable<Session::Next> Session::Ask(http::Dialer& dialer, Authority authority,
                                            Upstream::Check check, Question question,
                                            Replacer replacer) {
  upstream_.emplace(context_->clock, *context_->options.resolver);
  auto server = co_await upstream_->Connect(dialer, std::move(authority), std::move(check));
  if (stopped_) co_return Next::kEnd;
  if (!server) co_return co_await Refuse(std::move(server).error());
  Exchange exchange({context_->loop.get_executor(), agent_, **server, context_->clock, entry_},
                    std::move(question), std::move(replacer));
  auto outcome = co_await exchange.Run();
  if (stopped_ || outcome.gone) co_return Next::kEnd;
  if (outcome.failure) co_return co_await Refuse(std::move(*outcome.failure));
  if (outcome.may_stay) co_return Next::kRequest;
  co_await Linger();
  co_return Next::kEnd;
}

asio::awaitable<Session::Next> Session::Refuse(Error error) {
  if (stopped_) co_return Next::kEnd;
  entry_.status = InfoOf(error.code).http_status;
  entry_.refusal = error.message;
  const std::string text = FormatRefusal(error);
  const auto written = co_await agent_.Write(text);
  Log();
  if (written) co_await Linger();
  co_return Next::kEnd;
}

// Reads what the agent is still sending: closing now would make its kernel throw away the answer.
asio::awaitable<void> Session::Linger() {
  Log();
  agent_.EndWriting();
  const os::Timer patience(context_->clock, context_->clock.Now() + kLingerPatience,
                           [this] { agent_.CancelReading(); });
  std::size_t total = 0;
  while (total < kMaxLinger) {
    agent_.input().clear();
    const auto count = co_await agent_.Read();
    if (!count || *count == 0) break;
    total += *count;
  }
}

bool Session::IsOwn(const Authority& authority) const {
  const bool is_here = authority.host == "127.0.0.1" || authority.host == "localhost";
  return is_here && authority.port == context_->own_port;
}

void Session::Open(std::string method, std::string host, std::string path) {
  entry_ = Entry();
  entry_.method = std::move(method);
  entry_.host = std::move(host);
  entry_.path = std::move(path);
  opened_ = context_->clock.Now();
  open_ = true;
}

void Session::Log() {
  if (!open_ || stopped_) return;
  open_ = false;
  entry_.duration = std::chrono::duration_cast<Millis>(context_->clock.Now() - opened_);
  if (context_->options.log) context_->options.log(entry_);
}

}  // namespace vm0::egress
