// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include "os/file.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConfigLimit = 1 << 20;

Result<json::object> ReadObject(const fs::path& path) {
  auto text = os::ReadFile(path, kConfigLimit);
  if (!text && text.error().code == Code::kNotFound) return json::object{};
  if (!text) return Fail(std::move(text).error());
  auto object = ParseJsonObject(*text, path.string());
  if (object) return object;
  return Fail(Code::kBadRequest, object.error().message + ". Repair or remove " + path.string());
}

Result<std::optional<std::string>> TextOf(const json::object& object, std::string_view name,
                                          const fs::path& path) {
  auto field = StringField(object, name);
  if (!field)
    return Fail(Code::kBadRequest, field.error().message + ". Repair or remove " + path.string());
  if (*field && (*field)->empty()) return std::nullopt;
  return field;
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Result<fs::path> Absolute(const fs::path& path) {
  std::error_code error;
  auto absolute = fs::absolute(path, error);
  if (error) return Fail(Code::kIo, path.string() + ": " + error.message());
  absolute = absolute.lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

}  // namespace

Result<fs::path> ConfigPath(const Environment& environment) {
  const auto home = environment.FindNonEmpty("HOME");
  if (!home) return Fail(Code::kBadRequest, "HOME is not set: set it to your home directory");
  return fs::path(*home) / ".vm0" / "config.json";
}

Result<Config> LoadConfig(const fs::path& path) {
  VM0_ASSIGN(const auto object, ReadObject(path));
  Config config;
  VM0_ASSIGN(config.token, TextOf(object, "token", path));
  VM0_ASSIGN(config.api_url, TextOf(object, "apiUrl", path));
  return config;
}

Result<fs::path> DefaultDataDir(const Environment& environment) {
  if (const auto dir = environment.FindNonEmpty("VM0_DATA_DIR")) return Absolute(*dir);
  // The XDG specification has relative paths ignored.
  if (const auto state = environment.FindNonEmpty("XDG_STATE_HOME"); state && state->front() == '/')
    return Absolute(fs::path(*state) / "vm0");
  if (const auto home = environment.FindNonEmpty("HOME"))
    return Absolute(fs::path(*home) / ".local/state/vm0");
  return Fail(Code::kBadRequest,
              "No place for data: set VM0_DATA_DIR to a directory, or HOME to your home directory");
}

Result<fs::path> DataDir(const std::optional<std::string>& option, const Environment& environment) {
  if (!option) return DefaultDataDir(environment);
  if (option->empty()) return Fail(Code::kBadRequest, "--data-dir must not be empty");
  return Absolute(*option);
}

bool ServerAddress::same_machine() const { return on_demand || url.starts_with("unix:"); }

Result<ServerAddress> FindServer(const Environment& environment, const Config& config) {
  const auto token = environment.FindNonEmpty("VM0_TOKEN");
  const auto url = environment.FindNonEmpty("VM0_API_URL");
  if (!url && !config.api_url) {
    VM0_ASSIGN(auto data_dir, DefaultDataDir(environment));
    return ServerAddress{.on_demand = true,
                         .url = "unix:" + (data_dir / "server.sock").string(),
                         .token = token.value_or(""),
                         .data_dir = std::move(data_dir)};
  }
  ServerAddress address;
  address.url = url ? *url : *config.api_url;
  const bool is_configs =
      config.api_url && WithoutSlash(*config.api_url) == WithoutSlash(address.url);
  if (token)
    address.token = *token;
  else if (is_configs)
    address.token = config.token.value_or("");
  return address;
}

}  // namespace vm0::cli
