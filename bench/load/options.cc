// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

namespace load {
namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

void Fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  if (argc < 3) Fail("usage: load MEASURE PEER [--name value]... [-- command...]");
  options.measure = argv[1];
  options.peer = argv[2];
  const std::map<std::string, std::function<void(const char*)>> known = {
      {"--address", [&](const char* value) { options.address = value; }},
      {"--token", [&](const char* value) { options.token = value; }},
      {"--targets", [&](const char* value) { options.targets = Split(value); }},
      {"--connections", [&](const char* value) { options.connections = std::atoi(value); }},
      {"--batch", [&](const char* value) { options.batch = std::atoi(value); }},
      {"--bytes", [&](const char* value) { options.bytes = std::atoi(value); }},
      {"--seconds", [&](const char* value) { options.seconds = std::atof(value); }},
      {"--rate", [&](const char* value) { options.rate = std::atoi(value); }},
      {"--count", [&](const char* value) { options.count = std::atoi(value); }},
      {"--pid", [&](const char* value) { options.pid = std::atoi(value); }},
      {"--since",
       [&](const char* value) {
         for (const std::string& part : Split(value))
           options.since.push_back(std::atoll(part.c_str()));
       }},
  };
  int i = 3;
  for (; i < argc && std::string(argv[i]) != "--"; i += 2) {
    const auto found = known.find(argv[i]);
    if (found == known.end() || i + 1 == argc)
      Fail(std::string("unknown or without a value: ") + argv[i]);
    found->second(argv[i + 1]);
  }
  for (++i; i < argc; ++i) options.command.emplace_back(argv[i]);
  return options;
}

}  // namespace load
