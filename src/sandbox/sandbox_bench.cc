// SPDX-License-Identifier: Apache-2.0
// What a box costs: /bin/true from Start to Finish, with the program `vm0` of the same build.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "sandbox/launcher.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {
namespace {

constexpr uid_t kNobody = 65534;

BoxSpec MakeSpec(const std::string& folder) {
  BoxSpec spec;
  spec.argv = {"/bin/true"};
  spec.home = spec.workspace = spec.tmp = folder;
  if (::geteuid() == 0) {
    spec.run_uid = kNobody;
    if (::chown(folder.c_str(), kNobody, kNobody) != 0) std::abort();
  }
  return spec;
}

void RunTrue(benchmark::State& state, const char* name) {
  std::string folder = "/tmp/vm0-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  const BoxSpec spec = MakeSpec(folder);
  for (auto _ : state) {
    auto box = FindDriver(name)->Start(spec);
    pollfd ended{(*box)->exit_fd(), POLLIN, 0};
    ::poll(&ended, 1, -1);
    const auto end = (*box)->Finish();
    if (!end || end->code != 0) state.SkipWithError("it did not run");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vm0::sandbox

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "launch") == 0) return vm0::sandbox::LauncherMain();
  for (const char* name : {"none", "bubblewrap"}) {
    benchmark::RegisterBenchmark(name, vm0::sandbox::RunTrue, name)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
