// gnomon rules check, compile, overlay, sign, verify, keygen.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/catalog/default_pack.h"

namespace gnomon::cli {

struct CheckOptions {
  std::string folder;
  std::string suffixes;
  bool strict = false;
};
int check_rules(const CheckOptions& options);

struct CompileCommand {
  std::string folder;
  std::string out;
  std::vector<std::string> keys;
  std::vector<std::string> roots;
  std::uint32_t version = 0;
  std::string created;
  int days = 365;
  std::string suffixes;
};
int compile_rules(const CompileCommand& options);

struct OverlayCommand {
  std::string file;
  std::string out;
  std::vector<std::string> keys;
  std::uint32_t version = 0;
  int days = 365;
  PackPlace place;
};
int check_overlay_file(const OverlayCommand& options);
int compile_overlay_file(const OverlayCommand& options);

struct SignCommand {
  std::string pack;
  std::vector<std::string> keys;
  std::string out;
};
int sign_pack(const SignCommand& options);

struct VerifyCommand {
  PackPlace place;
  std::uint32_t min_version = 0;
  std::string at;
};
int verify_pack(const VerifyCommand& options);

struct KeygenCommand {
  std::string folder;
  int days = 3650;
  std::string previous;
  std::vector<std::string> previous_roots;
};
int make_keys(const KeygenCommand& options);

}  // namespace gnomon::cli
