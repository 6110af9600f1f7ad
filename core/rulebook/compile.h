// Compiling a rulebook or an overlay to a signed pack.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/catalog/pack_file.h"
#include "core/catalog/rule_pack.h"
#include "core/rulebook/rulebook.h"

namespace gnomon {

struct CompileOptions {
  Manifest manifest;               // version, created, expires
  std::vector<std::string> roots;  // root records to travel with the pack, oldest first
  std::vector<SecretKey> signers;  // none: the pack is not signed, and no program opens it
};

// compile_pack makes a catalogue pack. The same book and options give the same bytes.
std::vector<std::uint8_t> compile_pack(const Rulebook& book, const CompileOptions& options);

// LoadedOverlay is an overlay text read and checked against the catalogue it will lie over.
struct LoadedOverlay {
  Rulebook book;
  std::vector<Finding> findings;

  bool ok() const;
};

// load_overlay reads the YAML of an overlay (docs/catalogue.md): tools, corrections, deny,
// tenants, sanctioned. `base` gives the words, and what may be named.
LoadedOverlay load_overlay(const std::string& file, const std::string& text, const RulePack& base,
                           const LoadOptions& options);

// check_reach tells where a wide rule of an overlay takes hosts along that the catalogue gives to
// other tools: right for a company's own domain, rarely meant for a vendor's.
std::vector<Finding> check_reach(const Rulebook& overlay, const std::string& file,
                                 const RulePack& base);

// compile_overlay makes an overlay pack.
std::vector<std::uint8_t> compile_overlay(const Rulebook& book, const CompileOptions& options);

// preview opens what a book would compile to, without any key: to ask it questions.
std::shared_ptr<const RulePack> preview(const Rulebook& book);

// check_answers asks a compiled book what only the whole can answer: does a tool's homepage lead
// to the tool?
std::vector<Finding> check_answers(const Rulebook& book, const RulePack& pack);

// sample_host gives a host that a pattern matches, with made-up labels for its wildcards.
std::string sample_host(std::string_view pattern);

// host_of gives the host part of a URL, lower-case; empty when there is none.
std::string host_of(std::string_view url);

}  // namespace gnomon
