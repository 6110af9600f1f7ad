#include "core/rulebook/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace gnomon {
namespace {

// TreeBuilder turns yaml-cpp's events into a tree. After an error it ignores what follows.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(YamlKind::null, mark, anchor, {});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { fail(mark, kNoAnchors); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    add(YamlKind::scalar, mark, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlKind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlKind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

  const std::optional<YamlError>& error() const { return error_; }
  YamlValue take() { return std::move(root_); }

 private:
  static constexpr const char* kNoAnchors =
      "anchors (&) and aliases (*) are not allowed; write the value out, or quote a pattern that "
      "begins with *";

  void fail(const YAML::Mark& mark, std::string text) {
    if (!error_) {
      error_ = YamlError{mark.line + 1, std::move(text)};
    }
  }

  bool check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      fail(mark, kNoAnchors);
    } else if (++values_ > kMaxYamlValues || stack_.size() >= kMaxYamlDepth) {
      fail(mark, "the file has too many or too deeply nested values");
    }
    return !error_.has_value();
  }

  // put adds a value to what is open, and gives its place.
  YamlValue* put(YamlValue value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Open& top = stack_.back();
    if (top.value.kind == YamlKind::list) {
      return &top.value.items.emplace_back(std::move(value));
    }
    if (!top.has_key) {
      top.has_key = true;
      top.key = std::move(value);
      return &top.key;
    }
    top.has_key = false;
    return &top.value.fields.emplace_back(std::move(top.key), std::move(value)).second;
  }

  void add(YamlKind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text) {
    if (check(mark, anchor)) {
      YamlValue value;
      value.kind = kind;
      value.text = text;
      value.line = mark.line + 1;
      put(std::move(value));
    }
  }

  void open(YamlKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (check(mark, anchor)) {
      Open entry;
      entry.value.kind = kind;
      entry.value.line = mark.line + 1;
      stack_.push_back(std::move(entry));
    }
  }

  void close() {
    if (!error_ && !stack_.empty()) {
      YamlValue value = std::move(stack_.back().value);
      stack_.pop_back();
      put(std::move(value));
    }
  }

  struct Open {
    YamlValue value;
    YamlValue key;
    bool has_key = false;
  };

  YamlValue root_;
  std::vector<Open> stack_;
  std::size_t values_ = 0;
  std::optional<YamlError> error_;
};

}  // namespace

YamlValue::YamlValue() = default;
YamlValue::YamlValue(const YamlValue&) = default;
YamlValue::YamlValue(YamlValue&&) noexcept = default;
YamlValue& YamlValue::operator=(const YamlValue&) = default;
YamlValue& YamlValue::operator=(YamlValue&&) noexcept = default;
YamlValue::~YamlValue() = default;

const YamlValue* YamlValue::find(std::string_view key) const {
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const auto& field) { return field.first.text == key; });
  return at == fields.end() ? nullptr : &at->second;
}

Result<YamlValue, YamlError> parse_yaml(const std::string& text) {
  if (text.size() > kMaxYamlBytes) {
    return Failure{YamlError{1, "the file is over 1 MiB; split it"}};
  }
  try {
    std::istringstream stream{text};
    YAML::Parser parser{stream};
    TreeBuilder builder;
    const bool any = parser.HandleNextDocument(builder);
    if (builder.error()) {
      return Failure{*builder.error()};
    }
    if (!any) {
      return Failure{YamlError{1, "the file is empty"}};
    }
    TreeBuilder more;
    if (parser.HandleNextDocument(more)) {
      return Failure{
          YamlError{1, "the file has more than one document; leave out the --- between"}};
    }
    return builder.take();
  } catch (const YAML::Exception& error) {
    return Failure{YamlError{std::max(error.mark.line, 0) + 1, "is not valid YAML: " + error.msg}};
  }
}

}  // namespace gnomon
