// SPDX-License-Identifier: Apache-2.0
#include "cli/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>

#include "base/text.h"

namespace vm0::cli {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

std::unexpected<Error> BadYaml(const YAML::Mark& mark, const std::string& what) {
  if (mark.is_null()) return Fail(Code::kBadRequest, what);
  return Fail(Code::kBadRequest, "line " + std::to_string(mark.line + 1) + ": " + what);
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view WithoutSign(std::string_view text) {
  return !text.empty() && (text[0] == '-' || text[0] == '+') ? text.substr(1) : text;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool IsFloat(std::string_view text) {
  text = WithoutSign(text);
  const auto exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos && !IsDigits(WithoutSign(text.substr(exponent + 1))))
    return false;
  text = text.substr(0, exponent);
  const auto point = text.find('.');
  if (point == std::string_view::npos) return IsDigits(text);
  const auto whole = text.substr(0, point), fraction = text.substr(point + 1);
  if (whole.empty()) return IsDigits(fraction);
  return IsDigits(whole) && (fraction.empty() || IsDigits(fraction));
}

std::optional<json::value> ParseInteger(const std::string& text) {
  int base = 10;
  std::string_view digits = WithoutSign(text);
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    digits = std::string_view(text).substr(2);
    const auto allowed = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
    if (digits.empty() || digits.find_first_not_of(allowed) != std::string_view::npos)
      return std::nullopt;
  } else if (!IsDigits(digits)) {
    return std::nullopt;
  }
  errno = 0;
  const long long value =
      std::strtoll(base == 10 ? text.c_str() : std::string(digits).c_str(), nullptr, base);
  if (errno != ERANGE) return json::value(static_cast<std::int64_t>(value));
  return json::value(std::strtod(text.c_str(), nullptr));
}

bool IsNotFinite(std::string_view text) {
  const std::string_view word = WithoutSign(text);
  return word == ".inf" || word == ".Inf" || word == ".INF" || text == ".nan" || text == ".NaN" ||
         text == ".NAN";
}

// A plain scalar by the core schema.
Result<json::value> Resolve(const std::string& text, const YAML::Mark& mark) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (auto integer = ParseInteger(text)) return std::move(*integer);
  if (IsNotFinite(text)) return BadYaml(mark, text + " is a number that JSON does not have");
  if (IsFloat(text)) {
    const double value = std::strtod(text.c_str(), nullptr);
    if (!std::isfinite(value)) return BadYaml(mark, text + " is too large a number");
    return value;
  }
  return json::value(text);
}

// Hears nothing but where documents begin.
class DocumentStarts final : public YAML::EventHandler {
 public:
  const YAML::Mark& last() const { return last_; }

  void OnDocumentStart(const YAML::Mark& mark) override { last_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark last_;
};

// Not with YAML::LoadAll: what no document can begin with, as a comma, is to yaml-cpp an endless
// row of empty ones.
Status CheckSingle(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  (void)parser.HandleNextDocument(starts);
  if (parser.HandleNextDocument(starts))
    return BadYaml(starts.last(), "a second document begins here");
  return {};
}

class Converter {
 public:
  Result<json::value> Convert(const YAML::Node& node, int depth) {
    if (++values_ > kYamlValues)
      return BadYaml(node.Mark(), "more than " + std::to_string(kYamlValues) +
                                      " values: are there aliases of aliases?");
    if (depth > kYamlDepth)
      return BadYaml(node.Mark(), "nested deeper than " + std::to_string(kYamlDepth));
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return nullptr;
      case YAML::NodeType::Scalar:
        return Scalar(node);
      case YAML::NodeType::Sequence:
        return Sequence(node, depth);
      case YAML::NodeType::Map:
        return Map(node, depth);
    }
    return nullptr;
  }

 private:
  // What aliases repeat counts each time: a long text is as heavy as many values.
  Result<json::value> Scalar(const YAML::Node& node) {
    bytes_ += node.Scalar().size();
    if (bytes_ > 16 * kYamlBytes) return BadYaml(node.Mark(), "aliases make the text too large");
    const std::string& tag = node.Tag();
    if (tag == "!" || tag == std::string(kTagPrefix) + "str") return json::value(node.Scalar());
    if (tag.empty() || tag == "?") return Resolve(node.Scalar(), node.Mark());
    return Tagged(node);
  }

  Result<json::value> Tagged(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (!tag.starts_with(kTagPrefix)) return BadYaml(node.Mark(), "unknown tag " + tag);
    const std::string_view name = std::string_view(tag).substr(kTagPrefix.size());
    VM0_ASSIGN(auto value, Resolve(node.Scalar(), node.Mark()));
    const bool fits = (name == "null" && value.is_null()) || (name == "bool" && value.is_bool()) ||
                      (name == "int" && value.is_int64()) || (name == "float" && value.is_number());
    if (fits) return value;
    return BadYaml(node.Mark(), "\"" + node.Scalar() + "\" does not fit its tag " + tag);
  }

  Result<json::value> Sequence(const YAML::Node& node, int depth) {
    json::array array;
    for (const auto& element : node) {
      VM0_ASSIGN(auto value, Convert(element, depth + 1));
      array.push_back(std::move(value));
    }
    return array;
  }

  Result<json::value> Map(const YAML::Node& node, int depth) {
    json::object object;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar() && !entry.first.IsNull())
        return BadYaml(entry.first.Mark(), "a key must be a plain value");
      const std::string key = entry.first.IsNull() ? "null" : entry.first.Scalar();
      if (object.contains(key)) return BadYaml(entry.first.Mark(), "duplicate key \"" + key + "\"");
      VM0_ASSIGN(auto value, Convert(entry.second, depth + 1));
      object.emplace(key, std::move(value));
    }
    return object;
  }

  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<json::value> ParseYaml(std::string_view text) {
  if (text.size() > kYamlBytes)
    return Fail(Code::kBadRequest, "larger than " + std::to_string(kYamlBytes) + " bytes");
  if (!IsValidUtf8(text)) return Fail(Code::kBadRequest, "not UTF-8");
  // yaml-cpp would take it for UTF-16 or UTF-32.
  if (text.contains('\0')) return Fail(Code::kBadRequest, "contains a NUL");
  try {
    const std::string whole(text);
    VM0_TRY(CheckSingle(whole));
    return Converter().Convert(YAML::Load(whole), 0);
  } catch (const YAML::Exception& error) {
    // It may name one byte of a character.
    return BadYaml(error.mark, ReplaceInvalidUtf8(error.msg));
  }
}

}  // namespace vm0::cli
