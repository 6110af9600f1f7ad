// Target: a request's path and parameters, decoded. Inside collector/http only.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "collector/http/face.h"

namespace gnomon {

// percent_decoded gives nullopt for a % that is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

class Face::Target {
 public:
  // parse gives nullopt for what is no path with parameters.
  static std::optional<Target> parse(std::string_view target);

  const std::string& path() const { return path_; }
  // tail is the path behind a prefix that was matched: "trello" of "/tools/trello".
  const std::string& tail() const { return tail_; }
  void set_tail(std::string tail) { tail_ = std::move(tail); }
  // parameter is empty when absent.
  std::string parameter(const std::string& name) const;
  bool is_api() const { return path_.compare(0, 5, "/api/") == 0; }

 private:
  std::string path_;
  std::string tail_;
  std::map<std::string, std::string> parameters_;
};

}  // namespace gnomon
