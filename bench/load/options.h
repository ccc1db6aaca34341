// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace load {

// The words of the command line: load MEASURE PEER [--name value]... [-- command...]
struct Options {
  std::string measure;
  std::string peer;
  std::string address;               // 127.0.0.1:PORT; for postgres a connection string
  std::string token;                 // vm0: the bearer token
  std::vector<std::string> targets;  // the runs, streams or keys, used in turn by the connections
  int connections = 1;
  int batch = 1;     // records in a request
  int bytes = 1000;  // of a record
  double seconds = 2;
  int rate = 100;  // records a second
  int count = 300;
  std::vector<std::int64_t> since;  // pages: the cursors
  int pid = 0;                      // whose memory is looked at
  std::vector<std::string> command;
};

// Ends the program with a message when the words make no sense.
Options ParseOptions(int argc, char** argv);

// Ends the program: a benchmark that went wrong has no figures.
[[noreturn]] void Fail(const std::string& what);

}  // namespace load
