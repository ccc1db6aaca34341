// SPDX-License-Identifier: Apache-2.0
// Changes files by the calls of os/disk.h, as the lines of stdin say, so that test_power_loss.py
// can compare what a loss of power leaves with a model. Answers each line with one of its own, "ok"
// or the error:
//   open NAME PATH    write NAME OFFSET COUNT BYTE    truncate NAME SIZE    sync NAME
//   rename PATH PATH    mkdir PATH    remove PATH    sync-folder PATH    save PATH TEXT
#include <fcntl.h>

#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "os/disk.h"
#include "os/file.h"

namespace {

using vm0::Status;

class Script {
 public:
  Status Run(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string name;
    std::string more;
    std::int64_t number = 0;
    words >> verb >> name;
    if (verb == "open") {
      words >> more;
      VM0_ASSIGN(files_[name], vm0::os::OpenForWriting(more, O_CREAT));
      return {};
    }
    if (verb == "mkdir") return vm0::os::MakeDirectory(name, 0700);
    if (verb == "remove") return vm0::os::Remove(name);
    if (verb == "sync") return vm0::os::Sync(files_.at(name).get(), name);
    if (verb == "sync-folder") return vm0::os::SyncDirectory(name);
    if (verb == "truncate") {
      words >> number;
      return vm0::os::Truncate(files_.at(name).get(), number);
    }
    if (verb == "write") {
      std::size_t count = 0;
      words >> number >> count >> more;
      return vm0::os::WriteAt(files_.at(name).get(), std::string(count, more.at(0)), number);
    }
    words >> more;
    if (verb == "rename") return vm0::os::Rename(name, more);
    if (verb == "save") return vm0::os::WriteFileAtomic(name, more);
    return vm0::Fail(vm0::Code::kBadRequest, "no such verb: " + verb);
  }

 private:
  std::map<std::string, vm0::os::Fd> files_;
};

}  // namespace

int main() {
  Script script;
  for (std::string line; std::getline(std::cin, line);) {
    const Status status = script.Run(line);
    std::cout << (status ? "ok" : status.error().message) << std::endl;
  }
}
