// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace vm0::sandbox {

// What must be visible for a program to run: the topmost node_modules above it, since its parts lie
// beside one another there; else its own file. `program` must be free of symbolic links.
std::filesystem::path InstallationOf(const std::filesystem::path& program);

// The "#!" line of a script.
struct Interpreter {
  std::string path;      // "/usr/bin/env"
  std::string argument;  // all that follows, as the kernel passes it: "node"; may be empty
  // The program that env(1) searches on PATH; nullopt when the interpreter is not env.
  std::optional<std::string> SearchedProgram() const;
};
// nullopt when the file is no script, or can't be read.
std::optional<Interpreter> ReadInterpreter(const std::filesystem::path& program);

}  // namespace vm0::sandbox
