// SPDX-License-Identifier: Apache-2.0
#include "runner/cloud_launch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "e2b/answer.h"
#include "os/fault.h"
#include "os/file.h"
#include "runner/log.h"
#include "runner/preparing.h"

namespace vm0::runner {
namespace {

// So many refusals of its envd in a row, and we ask whether the sandbox is there at all: for a
// moment after it was made, E2B's edge may not know it yet.
constexpr int kDoubts = 4;
// Certificates of this machine, for images that have none of their own.
constexpr std::array<const char*, 3> kCertificates = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

std::string FindCertificates() {
  if (const char* named = std::getenv("SSL_CERT_FILE")) return named;
  for (const char* path : kCertificates) {
    if (::access(path, R_OK) == 0) return path;
  }
  return "";
}

Result<std::size_t> SizeOf(int file, const std::string& name) {
  struct stat entry {};
  if (::fstat(file, &entry) != 0) return Fail(SystemError("stat", name));
  return static_cast<std::size_t>(entry.st_size);
}

}  // namespace

CloudLaunch::CloudLaunch(Context& context, const Cloud& cloud, supervisor::RunDir dir,
                         client::ClaimAnswer claim, agent::RunSpec spec)
    : context_(context),
      cloud_(cloud),
      dir_(std::move(dir)),
      claim_(std::move(claim)),
      spec_(std::move(spec)),
      control_(context.loop, context.clock, cloud.account),
      server_http_(context.loop, context.clock, context.endpoint),
      server_(server_http_, claim_.token) {}

asio::awaitable<Status> CloudLaunch::Run() {
  const StopSignal::Hook hook(context_.stop, [this] {
    control_.Close();
    server_http_.Close();
    if (envd_) envd_->Close();
  });
  VM0_CO_TRY(co_await Create());
  VM0_CO_TRY(co_await SendFiles());
  VM0_CO_TRY(Note(SandboxNote::State::kLaunched));
  (void)os::FaultFails("cloud.noted");
  std::string what = "starting its supervisor in the sandbox";
  Step start = [this] { return StartSupervisor(); };
  auto started = co_await Insist(std::move(what), std::move(start));
  (void)os::FaultFails("cloud.launched");
  co_return started;
}

asio::awaitable<Status> CloudLaunch::TryToCreate(std::string image) {
  e2b::NewSandbox wanted{
      .template_id = std::move(image),
      .timeout = kSandboxLease,
      .metadata = MetadataOf(context_.options.machine, claim_.run_id, claim_.attempt)};
  auto sandbox = co_await control_.Create(std::move(wanted));
  if (!sandbox) co_return Fail(std::move(sandbox).error());
  sandbox_ = std::move(*sandbox);
  co_return Status{};
}

asio::awaitable<Status> CloudLaunch::Create() {
  const std::string image = spec_.image.empty() ? cloud_.default_template : spec_.image;
  const std::string what = "making a sandbox of template " + image + " at E2B";
  VM0_CO_TRY(co_await Say(what));
  Step create = [this, image] { return TryToCreate(image); };
  auto created = co_await Insist(what, std::move(create));
  if (!created) co_return Fail(created.error());
  (void)os::FaultFails("cloud.created");
  VM0_CO_TRY(Note(SandboxNote::State::kMade));
  auto envd = e2b::Envd::Make(context_.loop, context_.clock, cloud_.account, *sandbox_);
  if (!envd) co_return Fail(envd.error());
  envd_.emplace(std::move(*envd));
  co_return Status{};
}

asio::awaitable<Status> CloudLaunch::SendFiles() {
  const std::string what = "sending its files to the sandbox";
  VM0_CO_TRY(co_await Say(what));
  Step send = [this] { return SendProgram(); };
  VM0_CO_TRY(co_await Insist(what, std::move(send)));
  for (const char* name : {"workspace.tar.gz", "ca.pem", "token", "spec.json"}) {
    Step send_file = [this, name] { return SendFile(name); };
    VM0_CO_TRY(co_await Insist(what, std::move(send_file)));
  }
  co_return Status{};
}

asio::awaitable<Status> CloudLaunch::SendProgram() {
  const int self = context_.options.self_fd;
  VM0_CO_ASSIGN(const std::size_t size, SizeOf(self, "our own executable"));
  co_return co_await envd_->Upload(kProgramThere, self, size);
}

// One that is not there is not needed.
asio::awaitable<Status> CloudLaunch::SendFile(std::string name) {
  const std::string there = RunDirThere(claim_.run_id) + "/" + name;
  if (name == "token") co_return co_await envd_->Write(there, claim_.token);
  if (name == "spec.json") co_return co_await envd_->Write(there, SpecThere());
  const std::string here = name == "ca.pem" ? FindCertificates() : (dir_.path() / name).string();
  const os::Fd file(::open(here.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) co_return Status{};
  VM0_CO_ASSIGN(const std::size_t size, SizeOf(file.get(), here));
  co_return co_await envd_->Upload(there, file.get(), size);
}

// The sandbox itself is what isolates: its supervisor adds nothing to that. It holds nothing of
// this machine but what was sent.
std::string CloudLaunch::SpecThere() const {
  agent::RunSpec spec = spec_;
  spec.sandbox = "none";
  spec.image.clear();
  spec.workspace = {};
  const supervisor::StoredRun run{
      .run_id = claim_.run_id, .attempt = claim_.attempt, .server = cloud_.server_url, .spec = {}};
  return supervisor::FormatStoredRun(run, agent::ToJson(spec));
}

asio::awaitable<Status> CloudLaunch::StartSupervisor() {
  const std::string there = RunDirThere(claim_.run_id);
  // What is uploaded is no program yet.
  const std::string script = "chmod 755 \"$0\" && exec \"$0\" supervise --remote \"$1\"";
  e2b::Program program{.command = "/bin/sh",
                       .arguments = {"-c", script, kProgramThere, there},
                       .environment = {},
                       .tag = kSupervisorTag};
  auto stream = co_await envd_->Start(std::move(program));
  if (!stream) co_return Fail(std::move(stream).error());
  const auto first = co_await (*stream)->Next();
  if (!first) co_return Fail(first.error());
  if (std::holds_alternative<e2b::Started>(*first)) co_return Status{};
  co_return Fail(e2b::StrangeAnswer("a process did not begin with its start"));
}

asio::awaitable<Status> CloudLaunch::Insist(std::string what, Step step) {
  client::Backoff backoff;
  for (int refusals = 1;; ++refusals) {
    const Status done = co_await step();
    if (done) co_return done;
    const Error error = done.error();
    if (context_.stop.stopped()) co_return Fail(Code::kUnavailable, "the runner stops");
    if (!e2b::IsPassing(error)) co_return Fail(error.code, what + ": " + error.message);
    if (envd_ && refusals % kDoubts == 0) {
      const Status found = co_await control_.Find(sandbox_->id);
      if (!found && found.error().code == Code::kNotFound) {
        co_return Fail(Code::kUnavailable,
                       "its sandbox ended before the agent could be started: " + error.message);
      }
    }
    VM0_CO_TRY(co_await WaitOut(what, error, backoff));
  }
}

asio::awaitable<Status> CloudLaunch::WaitOut(const std::string& what, const Error& error,
                                             client::Backoff& backoff) {
  Micros pause = backoff.Next();
  if (error.number) pause = std::max<Micros>(Seconds(*error.number), pause);
  const std::string text = what + ": " + error.message;
  Log(claim_.run_id, text + "; waits for " + FormatDuration(std::chrono::ceil<Seconds>(pause)));
  VM0_CO_TRY(co_await Say(text));
  const MonoTime end = context_.clock.Now() + pause;
  while (context_.clock.Now() < end && !context_.stop.stopped()) {
    co_await context_.Pause(std::min<Micros>(end - context_.clock.Now(), kClaimCheck));
    VM0_CO_TRY(co_await Say(text));
  }
  co_return Status{};
}

// To the server, which answers whether the run is still wanted; its silence means nothing.
asio::awaitable<Status> CloudLaunch::Say(std::string what) {
  what.resize(std::min<std::size_t>(what.size(), 400));
  const auto answer = co_await server_.Preparing(ReplaceInvalidUtf8(what));
  if (context_.stop.stopped()) co_return Fail(Code::kUnavailable, "the runner stops");
  if (answer || InfoOf(answer.error().code).http_status != 410) co_return Status{};
  co_return Fail(answer.error());
}

Status CloudLaunch::Note(SandboxNote::State state) {
  return WriteSandboxNote(dir_, {.attempt = claim_.attempt, .sandbox = *sandbox_, .state = state});
}

}  // namespace vm0::runner
