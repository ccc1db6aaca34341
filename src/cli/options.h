// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace vm0::cli {

enum class Need { kRequired, kOptional };

// The arguments of one command: declared, parsed into variables of the caller, explained. Options
// and positionals may mix; what follows "--" is positional. Unknown options are refused. The
// variables must outlive the parser. The one user of CLI11.
class ArgumentParser {
 public:
  // `command`: "run" or "auth token create".
  ArgumentParser(std::string command, std::string description);
  ~ArgumentParser();

  // `names`: "-f,--follow".
  void Flag(const std::string& names, bool& target, const std::string& help);
  void Text(const std::string& names, std::optional<std::string>& target,
            const std::string& placeholder, const std::string& help);
  // An integer of at least `minimum`.
  void Number(const std::string& names, std::optional<std::int64_t>& target, std::int64_t minimum,
              const std::string& placeholder, const std::string& help);
  // May be given several times, one value each.
  void List(const std::string& names, std::vector<std::string>& target,
            const std::string& placeholder, const std::string& help);
  void Positional(const std::string& name, std::string& target, Need need, const std::string& help);
  // At most one of these options may be given: {"--json", "--raw"}.
  void Exclusive(const std::vector<std::string>& names);

  // True when help was asked for (-h, --help): nothing else counts then. kBadRequest names what is
  // wrong.
  Result<bool> Parse(const std::vector<std::string>& arguments);
  // What `vm0 help <command>` prints.
  std::string Help() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vm0::cli
