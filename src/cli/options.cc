// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/text.h"

namespace vm0::cli {
namespace {

std::string CheckNumber(const std::string& text, std::int64_t minimum) {
  const auto number = ParseInt(text);
  if (number && *number >= minimum) return "";
  return "\"" + text + "\" must be a whole number, " + std::to_string(minimum) + " or more";
}

}  // namespace

class ArgumentParser::Impl {
 public:
  Impl(std::string command, std::string description)
      : app(std::move(description), "vm0 " + std::move(command)) {
    app.set_help_flag("-h,--help", "Show this help");
    app.get_formatter()->column_width(34);
    app.positionals_at_end(false);
  }

  std::vector<std::string> Given(const std::vector<std::string>& names) const {
    std::vector<std::string> given;
    for (const auto& name : names)
      if (app.get_option(name)->count() > 0) given.push_back(name);
    return given;
  }

  // What is wrong with the arguments. CLI11 misses "prompt" first when the prompt was taken for an
  // option.
  std::string Describe(const CLI::ParseError& error) const {
    const auto unexpected = app.remaining();
    if (unexpected.empty()) return error.what();
    const std::string& first = unexpected.front();
    if (first.starts_with('-'))
      return "There is no option \"" + first + "\"; a text that begins with - goes behind --";
    return "One argument too many: \"" + first + "\"";
  }

  CLI::App app;
  // CLI11's own way of saying it makes the help unreadable.
  std::vector<std::vector<std::string>> exclusive;
};

ArgumentParser::ArgumentParser(std::string command, std::string description)
    : impl_(std::make_unique<Impl>(std::move(command), std::move(description))) {}
ArgumentParser::~ArgumentParser() = default;

void ArgumentParser::Flag(const std::string& names, bool& target, const std::string& help) {
  // "--json=false" has no meaning here.
  impl_->app.add_flag(names, target, help)->disable_flag_override();
}

void ArgumentParser::Text(const std::string& names, std::optional<std::string>& target,
                          const std::string& placeholder, const std::string& help) {
  const auto take = [&target](const std::string& value) { target = value; };
  impl_->app.add_option_function<std::string>(names, take, help)->type_name(placeholder);
}

void ArgumentParser::Number(const std::string& names, std::optional<std::int64_t>& target,
                            std::int64_t minimum, const std::string& placeholder,
                            const std::string& help) {
  const auto take = [&target](const std::string& value) { target = ParseInt(value); };
  const auto check = [minimum](const std::string& value) { return CheckNumber(value, minimum); };
  impl_->app.add_option_function<std::string>(names, take, help)
      ->check(CLI::Validator(check, ""))
      ->type_name(placeholder);
}

void ArgumentParser::List(const std::string& names, std::vector<std::string>& target,
                          const std::string& placeholder, const std::string& help) {
  // Without allow_extra_args(false) "-e A=1 agent" would take the agent, too.
  impl_->app.add_option(names, target, help)->allow_extra_args(false)->type_name(placeholder);
}

void ArgumentParser::Positional(const std::string& name, std::string& target, Need need,
                                const std::string& help) {
  impl_->app.add_option(name, target, help)->required(need == Need::kRequired)->type_name("");
}

void ArgumentParser::Exclusive(const std::vector<std::string>& names) {
  impl_->exclusive.push_back(names);
}

Result<bool> ArgumentParser::Parse(const std::vector<std::string>& arguments) {
  // CLI11 takes its vector from the end.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    impl_->app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return true;
  } catch (const CLI::ParseError& error) {
    return Fail(Code::kBadRequest, impl_->Describe(error));
  }
  for (const auto& names : impl_->exclusive) {
    const auto given = impl_->Given(names);
    if (given.size() > 1)
      return Fail(Code::kBadRequest, Join(given, " and ") + " exclude one another");
  }
  return false;
}

std::string ArgumentParser::Help() const { return impl_->app.help(); }

}  // namespace vm0::cli
