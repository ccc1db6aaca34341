// SPDX-License-Identifier: Apache-2.0
#include "supervisor/hand_over.h"

#include <unistd.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

#include "archive/pack.h"
#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "os/offload.h"

namespace vm0::supervisor {
namespace {

constexpr std::string_view kLost = "lost ";
constexpr std::size_t kLongestWord = 4096;

}  // namespace

Status PackWorkspace(const RunDir& files, const std::atomic<bool>* stop) {
  const auto whole = files.result();
  if (::access(whole.c_str(), F_OK) == 0) return {};
  if (::access(files.workspace().c_str(), F_OK) != 0) return {};
  auto part = whole;
  part += ".part";
  VM0_TRY(os::Remove(part));
  VM0_TRY(archive::Pack(files.workspace(), part,
                        {.left_out = {}, .limits = {.bytes = {}, .files = {}, .stop = stop}}));
  return os::Rename(part, whole);
}

HandOver::HandOver(asio::any_io_executor executor, RunDir files, Line line)
    : files_(std::move(files)), in_(executor), out_(std::move(line.out)) {
  // What can't be waited for, such as /dev/null, says nothing.
  boost::system::error_code error;
  in_.assign(line.in.get(), error);
  if (!error) line.in.Release();
}

asio::awaitable<std::optional<std::string>> HandOver::Run() {
  std::function<Status()> pack = [this] { return PackWorkspace(files_, &stopped_); };
  const Status packed = co_await os::Offload(pool_, std::move(pack));
  if (stopped_) co_return std::nullopt;
  if (!packed) co_return packed.error().message;
  (void)os::FaultFails("supervisor.packed");
  (void)os::WriteAll(out_.get(), "packed\n");
  co_return co_await ReadWord();
}

asio::awaitable<std::optional<std::string>> HandOver::ReadWord() {
  std::string word;
  while (!stopped_) {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const std::size_t size =
        co_await asio::async_read_until(in_, asio::dynamic_buffer(word, kLongestWord), '\n', token);
    if (error) break;
    const std::string_view line = TrimAscii(std::string_view(word).substr(0, size));
    if (line == "taken") break;
    if (line.starts_with(kLost)) co_return ReplaceInvalidUtf8(line.substr(kLost.size()));
    word.erase(0, size);
  }
  co_return std::nullopt;
}

void HandOver::Stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  in_.close(ignored);
}

}  // namespace vm0::supervisor
