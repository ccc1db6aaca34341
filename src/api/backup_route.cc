// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "api/routes.h"
#include "os/fault.h"
#include "os/fd.h"
#include "store/backup.h"

namespace vm0::api {
namespace {

// Read and hashed on the loop: others wait for one piece.
constexpr std::size_t kPiece = 64 << 10;

Result<std::string> ReadPiece(int fd, std::int64_t offset) {
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t count = ::pread(fd, piece.data(), piece.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(SystemError("read", "the copy of the database"));
    piece.resize(static_cast<std::size_t>(count));
    return piece;
  }
}

Result<std::string> FormatHeader(const Call& call, int copy) {
  struct stat found {};
  if (::fstat(copy, &found) != 0) return Fail(SystemError("stat", "the copy of the database"));
  const Api::Parts& parts = call.context.parts;
  return store::FormatBackupHeader({.created_at = FormatIso(parts.clock.WallNow()),
                                    .vm0 = call.context.options.version,
                                    .machine = call.context.options.machine,
                                    .secret_key = parts.box.key(),
                                    .database_bytes = found.st_size});
}

// Header, database, checksum. Whoever gets less than all of it sees that its end is missing.
class BackupSource final : public http::StreamSource {
 public:
  BackupSource(const Context& context, std::string header, os::Fd copy)
      : context_(context), header_(std::move(header)), copy_(std::move(copy)) {}

  void Begin(http::StreamWaker& waker) override {
    ticket_.emplace(context_.waits, OpenWaits::Kind::kBackup, [&waker] { waker.Wake(); });
  }
  http::StreamPiece Next() override {
    if (context_.waits.ended()) return {nullptr, 0, true};
    if (!header_.empty()) return Piece(std::exchange(header_, {}), false);
    (void)os::FaultFails("backup.piece");
    Result<std::string> bytes = ReadPiece(copy_.get(), offset_);
    if (!bytes) {
      std::clog << "vm0: a backup broke off: " + bytes.error().message + "\n";
      return {nullptr, 0, true};
    }
    if (bytes->empty()) return Piece(store::FormatBackupEnd(digest_), true);
    offset_ += static_cast<std::int64_t>(bytes->size());
    return Piece(*std::move(bytes), false);
  }
  bool TakeBack(std::size_t) override { return false; }
  http::StreamPiece OnSilence() override { return {nullptr, 0, false}; }

 private:
  http::StreamPiece Piece(std::string bytes, bool is_last) {
    if (!is_last) digest_.Add(bytes);
    return {std::make_shared<const std::string>(std::move(bytes)), 0, is_last};
  }

  const Context& context_;
  std::string header_;
  os::Fd copy_;
  std::int64_t offset_ = 0;
  store::Digest digest_;
  std::optional<OpenWaits::Ticket> ticket_;
};

}  // namespace

asio::awaitable<Result<Answer>> GetBackup(Call& call) {
  const auto stop = std::make_shared<std::stop_source>();
  const std::function<void()> give_up = [stop] { stop->request_stop(); };
  const OpenWaits::Ticket ticket(call.context.waits, OpenWaits::Kind::kBackup, give_up);
  call.exchange.OnPeerClosed(give_up);
  Result<os::Fd> copy = co_await call.context.parts.database.Copy(stop->get_token());
  if (!copy) co_return Fail(copy.error());
  VM0_CO_ASSIGN(std::string header, FormatHeader(call, copy->get()));
  http::Response head;
  head.headers.Set("Content-Type", "application/x-vm0-backup; v=1");
  head.headers.Set("Cache-Control", "no-store");
  call.exchange.Stream(std::move(head), std::make_unique<BackupSource>(
                                            call.context, std::move(header), std::move(*copy)));
  co_return std::nullopt;
}

}  // namespace vm0::api
