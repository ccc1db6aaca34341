// SPDX-License-Identifier: Apache-2.0
#include "supervisor/remote.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "archive/unpack.h"
#include "os/disk.h"
#include "os/file.h"
#include "os/file_tree.h"

namespace vm0::supervisor {
namespace {

std::filesystem::path SentOf(const RunDir& dir) { return dir.path() / "workspace.tar.gz"; }

Status MakeWorkspace(const RunDir& dir) {
  const auto sent = SentOf(dir);
  if (::access(sent.c_str(), F_OK) != 0) return os::MakeDirectory(dir.workspace(), 0700);
  const auto unpacked = archive::Unpack(sent, dir.workspace(), {});
  if (unpacked) return {};
  return Fail(unpacked.error().code, "workspace.tar.gz: " + unpacked.error().message);
}

// The agent reaches what is its own, and can list nothing else.
Status GiveToAgent(const RunDir& dir) {
  VM0_TRY(os::WriteFileAtomic(dir.uid(), std::to_string(kRemoteRunUid) + "\n"));
  for (const auto& path : {dir.workspace(), dir.home(), dir.tmp()}) {
    VM0_TRY(os::ChownTree(path, {.uid = kRemoteRunUid, .gid = kRemoteRunUid}));
  }
  if (::chmod(dir.path().c_str(), 0711) == 0) return {};
  return Fail(SystemError("change the mode of", dir.path().string()));
}

}  // namespace

Status PrepareRemote(const RunDir& dir) {
  if (::access(dir.started().c_str(), F_OK) == 0)
    return Fail(Code::kConflict, "the run's agent has run here already");
  for (const auto& path : {dir.workspace(), dir.home(), dir.tmp(), dir.result()}) {
    VM0_TRY(os::RemoveTree(path));
  }
  // They were sent as files for all to read.
  for (const auto& path : {dir.spec(), dir.token(), SentOf(dir)}) {
    if (::chmod(path.c_str(), 0600) != 0 && errno != ENOENT)
      return Fail(SystemError("chmod", path.string()));
  }
  VM0_TRY(MakeWorkspace(dir));
  VM0_TRY(os::MakeDirectory(dir.home(), 0700));
  VM0_TRY(os::MakeDirectory(dir.tmp(), 0700));
  if (::geteuid() == 0) VM0_TRY(GiveToAgent(dir));
  const auto certificates = dir.path() / "ca.pem";
  if (::access(certificates.c_str(), R_OK) == 0) {
    ::setenv("SSL_CERT_FILE", certificates.c_str(), 0);
  }
  return {};
}

}  // namespace vm0::supervisor
