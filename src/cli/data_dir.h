// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "os/file.h"
#include "store/database.h"

namespace vm0::cli {

namespace asio = boost::asio;

// The small files of a server's data directory. Whoever writes them holds its lock.

// Makes the directory, or takes it away from others (mode 0700); its name is durable then. kIo
// naming it when it is somebody else's or no directory.
Status PrepareDataDir(const std::filesystem::path& data_dir);
// <data-dir>/lock, held for a server's life; nullopt when another server holds it. Waits for up to
// 2 s where that one is dead: a process that it was about to start keeps the lock until its exec.
Result<std::optional<os::FileLock>> LockDataDir(const std::filesystem::path& data_dir);
// What the holder wrote into it, for people: "pid=123 vm0=0.1.0".
std::string LockHolder(const std::filesystem::path& data_dir);

// <data-dir>/admin.token: read, or made at the first start, and known to the store either way.
asio::awaitable<Result<std::string>> LoadAdminToken(std::filesystem::path data_dir,
                                                    store::Database& database, WallTime now);
// <data-dir>/metrics.token: read, or made at the first start. Good for GET /metrics alone, of this
// server; the store knows nothing of it.
Result<std::string> LoadMetricsToken(const std::filesystem::path& data_dir);
// <data-dir>/machine-id: who the runner of this data directory is, made at the first start.
Result<std::string> LoadMachineId(const std::filesystem::path& data_dir, WallTime now);
// <data-dir>/port: the port that an on-demand server had the last time; 0 when there was none.
std::uint16_t LoadPort(const std::filesystem::path& data_dir);
Status SavePort(const std::filesystem::path& data_dir, std::uint16_t port);

}  // namespace vm0::cli
