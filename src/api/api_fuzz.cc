// SPDX-License-Identifier: Apache-2.0
// Whatever is asked, the server answers: never with a fault of its own, always in the form that it
// promises, and the events of the runs stay whole.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/spec.h"
#include "api/api.h"
#include "base/fuzz.h"
#include "base/json.h"
#include "base/text.h"
#include "event/classify.h"
#include "http/parser.h"
#include "os/fd.h"
#include "os/unix_address.h"
#include "store/secret_box.h"

namespace {

using namespace vm0;
using fuzz::Expect;
namespace asio = boost::asio;

// Sees what a stream says on its way to the wire.
class WatchedSource final : public http::StreamSource {
 public:
  explicit WatchedSource(std::unique_ptr<http::StreamSource> source) : source_(std::move(source)) {}
  void Begin(http::StreamWaker& waker) override { source_->Begin(waker); }
  http::StreamPiece Next() override {
    http::StreamPiece piece = source_->Next();
    if (!piece.empty()) Expect(events_.Feed(*piece.bytes).has_value(), "a stream is of events");
    return piece;
  }
  bool TakeBack(std::size_t) override { return false; }
  http::StreamPiece OnSilence() override { return source_->OnSilence(); }

 private:
  std::unique_ptr<http::StreamSource> source_;
  http::SseParser events_;
};

// Sees every answer on its way to the wire. Over the unix socket that the target uses no Host is
// needed; a request that has one counts as one over TCP, so that it is checked.
class Watched final : public http::Exchange {
 public:
  explicit Watched(http::Exchange& exchange) : exchange_(exchange) {}

  const http::Request& request() const override { return exchange_.request(); }
  http::Transport transport() const override {
    return request().headers.Find("host") ? http::Transport::kTcp : http::Transport::kUnix;
  }
  bool peer_closed() const override { return exchange_.peer_closed(); }
  void OnPeerClosed(std::function<void()> action) override {
    exchange_.OnPeerClosed(std::move(action));
  }
  asio::awaitable<void> Send(http::Response response) override {
    Check(response);
    return exchange_.Send(std::move(response));
  }
  void Stream(http::Response head, std::unique_ptr<http::StreamSource> source) override {
    const bool is_socket = head.status == 101;
    Expect(head.status == 200 || is_socket, "a stream begins well");
    if (!is_socket) source = std::make_unique<WatchedSource>(std::move(source));
    exchange_.Stream(std::move(head), std::move(source));
  }

  static void Check(const http::Response& response) {
    Expect(response.status >= 200 && response.status < 500, "no answer is a fault of the server");
    if (response.status == 204) return;
    const auto body = ParseJsonObject(response.body, "answer");
    Expect(body.has_value(), "an answer is a JSON object");
    if (response.status < 400) return;
    const json::object* error = ObjectMember(*body, "error");
    Expect(error != nullptr && !StringMember(*error, "message").value_or("").empty() &&
               FindCode(StringMember(*error, "code").value_or("")),
           "an error has a message and a code");
  }

 private:
  http::Exchange& exchange_;
};

http::Response FormatError(const Error& error) {
  http::Response response = api::Api::FormatError(error);
  Watched::Check(response);
  return response;
}

// The runs that there are from the start; their ids end in these digits.
constexpr std::string_view kPending = "1";
constexpr std::string_view kRunning = "2";
constexpr std::string_view kEnded = "3";
constexpr std::string_view kExternal = "4";

RunId IdOf(std::string_view digit) {
  return *RunId::Parse("00000000-0000-7000-8000-00000000000" + std::string(digit));
}

// The real parts from the socket to SQLite, over the store in `folder`.
class Site {
 public:
  explicit Site(const std::filesystem::path& folder)
      : socket_path_((folder / "socket").string()),
        database_(*store::OpenSqlite((folder / "vm0.db").string(), loop_.get_executor())),
        box_(*store::SecretBox::Open(folder / "secret.key")),
        feed_(*database_, clock_),
        runs_(*database_, clock_, box_, [this](RunId id) { feed_.Wake(id); }),
        api_({*database_, feed_, runs_, box_, clock_}, Options(), [] {}),
        server_(
            loop_, clock_, {}, [this](http::Exchange& exchange) { return Serve(exchange); },
            FormatError) {
    Expect(server_.ListenUnix(socket_path_).has_value(), "the server listens");
  }

  // What comes back for the bytes of one connection; waits and streams last for two minutes.
  std::string Send(std::string_view bytes);
  void Write(const store::Database::Work& work);
  void CheckRuns();
  bool untouched() const {
    return database_->stats().works == 0 && clock_.WallNow() == os::FakeClock().WallNow();
  }

 private:
  static api::ApiOptions Options() {
    api::ApiOptions options;
    options.version = "1";
    options.host_names = {"localhost"};
    options.unsandboxed = api::Unsandboxed::kAllowed;
    return options;
  }
  asio::awaitable<void> Serve(http::Exchange& exchange) {
    Watched watched(exchange);
    co_await api_.Handle(watched);
  }
  void Settle() {
    do loop_.restart();
    while (loop_.poll() > 0);
  }
  // Until neither side has anything to say.
  void Talk(int peer, std::string_view& bytes, std::string& answer);
  void CheckRun(const store::Run& run);

  std::string socket_path_;
  asio::io_context loop_;
  os::FakeClock clock_;
  std::unique_ptr<store::Database> database_;
  store::SecretBox box_;
  feed::Feed feed_;
  run::Runs runs_;
  api::Api api_;
  http::Server server_;
};

void Site::Talk(int peer, std::string_view& bytes, std::string& answer) {
  std::string buffer(64 << 10, '\0');
  for (bool idle = false; !idle;) {
    idle = true;
    const auto sent = ::send(peer, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      idle = false;
    }
    Settle();
    const auto count = ::recv(peer, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) {
      answer.append(buffer, 0, static_cast<std::size_t>(count));
      idle = false;
    }
  }
}

std::string Site::Send(std::string_view bytes) {
  os::Fd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = os::MakeUnixAddress(socket_path_);
  Expect(::connect(peer.get(), address->data(), address->size()) == 0, "the server takes calls");
  std::string answer;
  Talk(peer.get(), bytes, answer);
  for (int i = 0; i < 2 && server_.active_exchanges() > 0; ++i) {
    clock_.Advance(Seconds(61));
    Talk(peer.get(), bytes, answer);
  }
  peer.Close();
  Settle();
  Expect(server_.open_connections() == 0, "who has left is forgotten");
  return answer;
}

void Site::Write(const store::Database::Work& work) {
  database_->Submit(work, [](const Status& status) { Expect(status.has_value(), "it is stored"); });
  Settle();
}

void Site::CheckRun(const store::Run& run) {
  store::EventLog& log = database_->reader().events;
  const std::int64_t last = *log.LastSequence(run.id);
  const store::Pruned pruned = *log.FindPruned(run.id);
  Expect(!pruned.any() || store::IsTerminal(run.status), "what lives is not pruned");
  std::int64_t cursor = pruned.to;
  while (cursor < last) {
    const auto events = log.Read(run.id, cursor, 1000, 1 << 20);
    Expect(events && !events->empty(), "events are there up to the last one");
    for (const event::Event& event : *events) {
      Expect(event.sequence == ++cursor, "events are numbered without a gap");
      Expect(event::IsEvent(event.json), "what is stored is an event");
    }
  }
  const auto end = *log.FindEnd(run.id);
  Expect(end.has_value() == store::IsTerminal(run.status), "a run that has ended has an end");
  if (!end) return;
  Expect(end->last_sequence == last, "the end's number is the log's");
  if (!pruned.any()) Expect(end->hash == *log.Hash(run.id), "the end's hash is the log's");
}

void Site::CheckRuns() {
  for (const std::string_view digit : {kPending, kRunning, kEnded, kExternal}) {
    const auto run = *database_->reader().runs.FindRun(IdOf(digit));
    Expect(run.has_value(), "a run stays");
    CheckRun(*run);
    if (digit == kEnded) Expect(run->status == store::RunStatus::kCompleted, "an end is for ever");
  }
}

// A request as the inputs have it, made one for the wire: its head may end lines with '\n' alone
// and leave out the version and the length of the body.
std::string ToWire(std::string_view text) {
  std::size_t split = text.find("\n\n");
  const std::string_view body = split == std::string_view::npos ? "" : text.substr(split + 2);
  std::string head;
  for (const std::string_view line : Split(text.substr(0, split), '\n')) {
    const bool is_first = head.empty();
    head += line;
    if (is_first && !line.contains(" HTTP/")) head += " HTTP/1.1";
    head += "\r\n";
  }
  const std::string fields = ToLowerAscii(head);
  if (!fields.contains("\ncontent-length:") && !fields.contains("\ntransfer-encoding:"))
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return head.append("\r\n").append(body);
}

// The rest of what the server says may be cut off with a stream.
void CheckAnswer(std::string_view answer, std::string_view request) {
  if (answer.empty()) return;
  http::ResponseParser parser(request.starts_with("HEAD ") ? "HEAD" : "GET", {1 << 20, 64 << 20});
  Expect(parser.Put(answer) && parser.header_done(), "an answer is HTTP");
}

store::Run MakeRun(std::string_view digit) {
  store::Run run;
  run.id = IdOf(digit);
  run.created_at = os::FakeClock().WallNow();
  run.user_id = "user";
  run.agent_name = "tester";
  run.provider = "command";
  run.dialect = "claude-code";
  run.prompt = "do it";
  run.external = digit == kExternal;
  agent::RunSpec spec;
  spec.provider = run.provider;
  spec.dialect = run.dialect;
  spec.command = {"./agent.sh"};
  spec.prompt = run.prompt;
  spec.sandbox = run.external ? "external" : "none";
  spec.network = "full";
  run.spec = ToJson(json::value(agent::ToJson(spec)));
  if (run.external || digit == kPending) return run;
  run.status = store::RunStatus::kRunning;
  run.machine = "machine";
  run.attempt = 1;
  run.started = true;
  run.started_at = run.created_at;
  return run;
}

// Tokens that an input can spell.
store::Token MakeToken(const std::string& text, store::Token::Kind kind) {
  store::Token token;
  token.created_at = os::FakeClock().WallNow();
  token.id = TokenId::New(token.created_at);
  token.kind = kind;
  token.hash = store::HashToken(text);
  token.user_id = kind == store::Token::Kind::kAdmin ? "admin" : "user";
  token.name = text;
  return token;
}

store::Token MakeRunToken(const std::string& text, std::string_view digit) {
  store::Token token = MakeToken(text, store::Token::Kind::kRun);
  token.run_id = IdOf(digit);
  token.attempt = 1;
  return token;
}

void Fill(Site& site) {
  site.Write([](store::Stores& stores) -> Status {
    using Kind = store::Token::Kind;
    for (const std::string_view digit : {kPending, kRunning, kEnded, kExternal})
      VM0_TRY(stores.runs.InsertRun(MakeRun(digit)));
    store::Token user = MakeToken("user", Kind::kUser);
    user.host_scope = true;
    for (const store::Token& token : {MakeToken("admin", Kind::kAdmin), user,
                                      MakeRunToken("run", kRunning), MakeRunToken("ended", kEnded)})
      VM0_TRY(stores.runs.InsertToken(token));
    return {};
  });
  const auto ask = [&site](const std::string& request) {
    const std::string answer = site.Send(ToWire(request));
    Expect(answer.starts_with("HTTP/1.1 20"), "the store is filled: " + answer);
  };
  ask("POST /api/agent/configs\nAuthorization: Bearer user\n\n"
      R"({"config":{"version":"1.0","agent":{"name":"tester","provider":"command",)"
      R"("command":["./agent.sh"],"environment":{"A":"${{ vars.X }}"}}}})");
  for (const std::string token : {"run", "ended"})
    ask("POST /api/webhooks/agent/events\nAuthorization: Bearer " + token +
        "\nContent-Type: application/x-vm0-events; v=1\n\n"
        "1 1763625600000001 agent {\"type\":\"system\",\"subtype\":\"init\"}\n"
        "2 1763625600000002 stdout {\"type\":\"stdout\",\"text\":\"x\"}\n"
        "3 1763625600000003 vm0 {\"type\":\"vm0\",\"event\":\"network\"}\n");
  ask("POST /api/webhooks/agent/complete\nAuthorization: Bearer ended\n\n"
      R"({"v":1,"lastSequence":3,"status":"completed","exitCode":0})");
  site.CheckRuns();
}

// Each input meets the same server: one that was written to, or whose clock has moved, is replaced.
class Nursery {
 public:
  Nursery() {
    Expect(::mkdtemp(folder_.data()) != nullptr, "there is a temporary directory");
    Site site(folder_);
    Fill(site);
  }
  ~Nursery() {
    site_.reset();
    std::filesystem::remove_all(folder_);
  }
  Site& FreshSite() {
    if (site_ && site_->untouched()) return *site_;
    site_.reset();
    const std::filesystem::path copy = std::filesystem::path(folder_) / "copy";
    std::filesystem::create_directories(copy);
    for (const char* name : {"vm0.db", "secret.key"})
      std::filesystem::copy_file(folder_ / std::filesystem::path(name), copy / name,
                                 std::filesystem::copy_options::overwrite_existing);
    site_ = std::make_unique<Site>(copy);
    return *site_;
  }

 private:
  std::string folder_ = std::filesystem::temp_directory_path() / "vm0-fuzz-XXXXXX";
  std::unique_ptr<Site> site_;
};

}  // namespace

// The input is requests, with a line "%%" between two of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostRequests = 8;
  static Nursery nursery;
  Site& site = nursery.FreshSite();
  std::string_view rest = fuzz::View(data, size);
  for (int i = 0; i < kMostRequests && !rest.empty(); ++i) {
    constexpr std::string_view kBetween = "\n%%\n";
    const std::size_t end = std::min(rest.find(kBetween), rest.size());
    const std::string request = ToWire(rest.substr(0, end));
    CheckAnswer(site.Send(request), request);
    rest.remove_prefix(std::min(end + kBetween.size(), rest.size()));
  }
  if (!site.untouched()) site.CheckRuns();
  return 0;
}
