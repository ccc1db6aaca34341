// SPDX-License-Identifier: Apache-2.0
// Our client of E2B by hand, one call a run, for test/test_e2b_client.py:
//   create TEMPLATE SECONDS NAME=VALUE… | list NAME=VALUE… | find ID | timeout ID SECONDS | delete
//   ID read|write|upload|download ID TOKEN PATH [TEXT|FILE] start ID TOKEN TAG COMMAND ARGUMENT… |
//   connect ID TOKEN TAG | processes ID TOKEN input ID TOKEN TAG TEXT | terminate|kill ID TOKEN TAG
// The account is the environment's. Prints one JSON object a line; exits with 1 and an object
// {"error","code","number"} for an error.
#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "e2b/account.h"
#include "e2b/control_plane.h"
#include "e2b/envd.h"
#include "os/clock.h"
#include "os/fd.h"

namespace vm0::e2b {
namespace {

using Arguments = std::vector<std::string>;

void Print(const json::object& object) {
  std::puts(ToJson(json::value(object)).c_str());
  std::fflush(stdout);
}

Metadata MetadataIn(const Arguments& arguments, std::size_t from) {
  Metadata metadata;
  for (std::size_t i = from; i < arguments.size(); ++i) {
    const auto split = arguments[i].find('=');
    metadata[arguments[i].substr(0, split)] = arguments[i].substr(split + 1);
  }
  return metadata;
}

Status Done(const Status& status) {
  if (status) Print({});
  return status;
}

// Calls of the control plane.
class Control {
 public:
  Control(asio::io_context& loop, os::Clock& clock, const Account& account)
      : control_(loop, clock, account) {}

  asio::awaitable<Status> Run(const Arguments& words) {
    const std::string& verb = words[0];
    if (verb == "create") co_return co_await Create(words);
    if (verb == "list") co_return co_await List(words);
    if (verb == "find") co_return Done(co_await control_.Find(words.at(1)));
    if (verb == "delete") co_return Done(co_await control_.Delete(words.at(1)));
    co_return Done(co_await control_.SetTimeout(words.at(1), Seconds(std::stol(words.at(2)))));
  }

 private:
  asio::awaitable<Status> Create(const Arguments& words) {
    NewSandbox wanted{words.at(1), Seconds(std::stol(words.at(2))), MetadataIn(words, 3)};
    const auto sandbox = co_await control_.Create(std::move(wanted));
    if (!sandbox) co_return Fail(sandbox.error());
    Print({{"id", sandbox->id}, {"domain", sandbox->domain}, {"token", sandbox->access_token}});
    co_return Status{};
  }
  asio::awaitable<Status> List(const Arguments& words) {
    const auto sandboxes = co_await control_.List(MetadataIn(words, 1));
    if (!sandboxes) co_return Fail(sandboxes.error());
    for (const auto& sandbox : *sandboxes) {
      json::object metadata;
      for (const auto& [name, value] : sandbox.metadata) metadata[name] = value;
      Print({{"id", sandbox.id}, {"metadata", metadata}});
    }
    co_return Status{};
  }

  ControlPlane control_;
};

// Calls of a sandbox: the words are verb, id, token, what it is about, …
class Inside {
 public:
  explicit Inside(Envd envd) : envd_(std::move(envd)) {}

  asio::awaitable<Status> Run(const Arguments& words) {
    const std::string& verb = words[0];
    if (verb == "read") co_return co_await Read(words.at(3));
    if (verb == "write") co_return Done(co_await envd_.Write(words.at(3), words.at(4)));
    if (verb == "upload") co_return co_await Upload(words.at(3), words.at(4));
    if (verb == "download") co_return co_await Download(words.at(3), words.at(4));
    if (verb == "start") co_return co_await Start(words);
    if (verb == "connect") co_return co_await Show(co_await envd_.Connect(words.at(3)));
    if (verb == "processes") co_return co_await List();
    if (verb == "input") co_return Done(co_await envd_.SendInput(words.at(3), words.at(4)));
    const auto signal = verb == "kill" ? ProcessSignal::kKill : ProcessSignal::kTerminate;
    co_return Done(co_await envd_.Signal(words.at(3), signal));
  }

 private:
  using Stream = Result<std::unique_ptr<ProcessStream>>;

  asio::awaitable<Status> Read(std::string path) {
    const auto bytes = co_await envd_.Read(path, 1 << 20);
    if (!bytes) co_return Fail(bytes.error());
    Print({{"base64", Base64Encode(*bytes)}});
    co_return Status{};
  }
  asio::awaitable<Status> Upload(std::string path, std::string from) {
    const os::Fd file(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat entry {};
    ::fstat(file.get(), &entry);
    const auto size = static_cast<std::size_t>(entry.st_size);
    co_return Done(co_await envd_.Upload(path, file.get(), size));
  }
  asio::awaitable<Status> Download(std::string path, std::string to) {
    const os::Fd file(::open(to.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const auto size = co_await envd_.Download(path, file.get(), 1LL << 30);
    if (!size) co_return Fail(size.error());
    Print({{"size", *size}});
    co_return Status{};
  }
  asio::awaitable<Status> Start(const Arguments& words) {
    Program program{.command = words.at(4),
                    .arguments = {words.begin() + 5, words.end()},
                    .environment = {{"FROM_CALL", "yes"}},
                    .tag = words.at(3)};
    Stream stream = co_await envd_.Start(std::move(program));
    co_return co_await Show(std::move(stream));
  }
  static asio::awaitable<Status> Show(Stream stream) {
    if (!stream) co_return Fail(stream.error());
    for (;;) {
      const auto event = co_await (*stream)->Next();
      if (!event) co_return Fail(event.error());
      if (const auto* start = std::get_if<Started>(&*event)) Print({{"pid", start->pid}});
      if (const auto* output = std::get_if<Output>(&*event)) {
        const bool is_stdout = output->pipe == Output::Pipe::kStdout;
        Print({{is_stdout ? "stdout" : "stderr", output->bytes}});
      }
      if (const auto* end = std::get_if<Ended>(&*event)) {
        Print({{"exitCode", end->exit_code}, {"status", end->status}});
        co_return Status{};
      }
    }
  }
  asio::awaitable<Status> List() {
    const auto processes = co_await envd_.List();
    if (!processes) co_return Fail(processes.error());
    for (const auto& process : *processes) Print({{"pid", process.pid}, {"tag", process.tag}});
    co_return Status{};
  }

  Envd envd_;
};

asio::awaitable<Status> Run(asio::io_context& loop, os::Clock& clock, const Account& account,
                            const Arguments& words) {
  for (const char* verb : {"create", "list", "find", "delete", "timeout"}) {
    if (words[0] != verb) continue;
    Control control(loop, clock, account);
    co_return co_await control.Run(words);
  }
  const Sandbox sandbox{.id = words.at(1), .domain = "", .access_token = words.at(2)};
  auto envd = Envd::Make(loop, clock, account, sandbox);
  if (!envd) co_return Fail(envd.error());
  Inside inside(std::move(*envd));
  co_return co_await inside.Run(words);
}

int Main(const Arguments& words) {
  const auto account = FindAccount([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
  });
  if (!account || !*account) return 2;
  asio::io_context loop;
  const auto clock = os::MakeRealClock(loop);
  Status result;
  auto run = Run(loop, *clock, **account, words);
  asio::co_spawn(loop, std::move(run), [&](std::exception_ptr failure, Status status) {
    if (failure) std::rethrow_exception(failure);
    result = std::move(status);
    loop.stop();
  });
  loop.run();
  if (result) return 0;
  const Error& error = result.error();
  json::object object{{"error", error.message}, {"code", InfoOf(error.code).name}};
  if (error.number) object["number"] = *error.number;
  Print(object);
  return 1;
}

}  // namespace
}  // namespace vm0::e2b

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return vm0::e2b::Main({argv + 1, argv + argc});
}
