// SPDX-License-Identifier: Apache-2.0
#include "sandbox/bubblewrap_options.h"

#include <array>
#include <system_error>

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
    "agent:x:1000:1000:agent:/home/agent:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
constexpr std::string_view kGroup = "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n";
constexpr std::string_view kHosts = "127.0.0.1 localhost agent\n::1 localhost agent\n";
constexpr std::string_view kNameServices = "passwd: files\ngroup: files\nhosts: files dns\n";

// Where a merged-usr machine has links, and an older one folders.
constexpr std::array<const char*, 6> kSystemLinks = {"/bin",   "/sbin",  "/lib",
                                                     "/lib32", "/lib64", "/libx32"};
// What programs of every kind read there, and what says nothing of who uses this machine.
// Not /etc/ssl as a whole: it holds private keys.
constexpr std::array<const char*, 14> kEtc = {"/etc/ssl/certs",       "/etc/ssl/openssl.cnf",
                                              "/etc/ca-certificates", "/etc/pki/tls/certs",
                                              "/etc/pki/ca-trust",    "/etc/alternatives",
                                              "/etc/ld.so.cache",     "/etc/localtime",
                                              "/etc/mime.types",      "/etc/protocols",
                                              "/etc/services",        "/etc/debian_version",
                                              "/etc/bash.bashrc",     "/etc/magic"};
// With the host's network, the host's names.
constexpr std::array<const char*, 3> kNames = {"/etc/resolv.conf", "/etc/hosts", "/etc/gai.conf"};
constexpr std::string_view kShmBytes = "67108864";

}  // namespace

void BubblewrapOptions::Add(std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    text_ += word;
    text_ += '\0';
  }
}

void BubblewrapOptions::AddNamespaces(Network network) {
  Add({"--unshare-all", "--unshare-user", "--disable-userns", "--as-pid-1"});
  if (network == Network::kFull) Add({"--share-net"});
  Add({"--uid", "1000", "--gid", "1000", "--hostname", "agent", "--cap-drop", "ALL"});
}

void BubblewrapOptions::AddSystem() {
  Add({"--ro-bind", "/usr", "/usr"});
  for (const fs::path place : kSystemLinks) {
    std::error_code error;
    const fs::path target = fs::read_symlink(place, error);
    if (!error) {
      Add({"--symlink", target.native(), place.native()});
    } else {
      Add({"--ro-bind-try", place.native(), place.native()});
    }
  }
  Add({"--proc", "/proc", "--dev", "/dev", "--size", kShmBytes, "--tmpfs", "/dev/shm"});
  Add({"--dir", "/run", "--dir", "/var", "--dir", "/etc"});
}

Status BubblewrapOptions::AddFile(std::string_view path, std::string_view text) {
  VM0_ASSIGN(os::Fd file, os::MakeMemFile("vm0-etc", text));
  Add({"--perms", "0644", "--file", std::to_string(file.get()), path});
  files_.push_back(std::move(file));
  return {};
}

Status BubblewrapOptions::AddEtc(Network network) {
  for (const char* path : kEtc) Add({"--ro-bind-try", path, path});
  VM0_TRY(AddFile("/etc/passwd", kPasswd));
  VM0_TRY(AddFile("/etc/group", kGroup));
  VM0_TRY(AddFile("/etc/nsswitch.conf", kNameServices));
  if (network != Network::kFull) return AddFile("/etc/hosts", kHosts);
  for (const char* path : kNames) Add({"--ro-bind-try", path, path});
  return {};
}

void BubblewrapOptions::AddFolders(const BoxSpec& spec, const BubblewrapSources& sources) {
  Add({"--bind", sources.tmp.native(), kTmpInside, "--bind", sources.tmp.native(), "/var/tmp"});
  Add({"--bind", sources.home.native(), kHomeInside});
  const bool is_read_only = spec.workspace_kind == WorkspaceKind::kUsersReadOnly;
  Add({is_read_only ? "--ro-bind" : "--bind", sources.workspace.native(), kWorkspaceInside});
  for (const auto& [path, place] : sources.installations) Add({"--ro-bind", path.native(), place});
}

Result<BubblewrapOptions> BubblewrapOptions::Make(const BoxSpec& spec,
                                                  const BubblewrapSources& sources,
                                                  const std::vector<ProgramView::Link>& links) {
  BubblewrapOptions options;
  options.AddNamespaces(spec.network);
  options.AddSystem();
  VM0_TRY(options.AddEtc(spec.network));
  options.AddFolders(spec, sources);
  for (const auto& [place, target] : links) {
    options.Add({"--symlink", target.native(), place.native()});
  }
  options.Add({"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"});
  return options;
}

}  // namespace vm0::sandbox
