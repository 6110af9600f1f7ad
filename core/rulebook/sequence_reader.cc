// Reading the sequences of tools.

#include <algorithm>
#include <charconv>

#include "core/rulebook/loader.h"

namespace gnomon {
namespace {

// duration reads "30m", "2h", "45s".
std::optional<std::uint32_t> duration(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::uint32_t factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc{} || factor == 0 || value == 0 || value > 30 * 86400U / factor) {
    return std::nullopt;
  }
  return value * factor;
}

}  // namespace

void Loader::read_sequences(Reader& in, const YamlValue& value, ToolIndex tool) {
  const auto* sequences = in.items(value, "sequences");
  if (sequences == nullptr) {
    return;
  }
  for (const YamlValue& each : *sequences) {
    if (!in.keys(each, "a sequence", {"id", "then", "within", "steps", "require", "note"})) {
      continue;
    }
    SequenceRecord sequence;
    sequence.tool = tool;
    sequence.id = in.need(each, "id", "the sequence");
    if (!is_id(sequence.id) ||
        std::find(sequence_ids_.begin(), sequence_ids_.end(), sequence.id) != sequence_ids_.end()) {
      in.error(each.line, "duplicate-id",
               "the sequence id '" + sequence.id + "' must be its own, of a-z, 0-9 and -");
    }
    sequence_ids_.push_back(sequence.id);
    const std::vector<std::string_view> stages = {"signup-likely", "active", "integrated", "guest"};
    if (const auto then = in.word(each, "then", stages)) {
      sequence.then = *parse_stage(stages[*then]);
    }
    if (const std::string within = in.text(each, "within"); !within.empty()) {
      const auto seconds = duration(within);
      if (!seconds) {
        in.error(each.line, "bad-duration", "'within' must read like 45s, 30m or 2h");
      }
      sequence.within_s = seconds.value_or(1800);
    }
    if (const YamlValue* require = each.find("require");
        require != nullptr && in.keys(*require, "require", {"first_ever"})) {
      sequence.first_ever_user = in.word(*require, "first_ever", {"user", "no"}).value_or(0) == 0;
    } else {
      sequence.first_ever_user = false;
    }
    read_steps(in, each, sequence);
    if (!sequence.steps.empty()) {
      book_.content.sequences.push_back(std::move(sequence));
    }
  }
}

void Loader::read_steps(Reader& in, const YamlValue& value, SequenceRecord& sequence) {
  const auto* steps = in.items(value, "steps");
  if (steps == nullptr || steps->empty() || steps->size() > 16) {
    in.error(value.line, "missing", "a sequence needs one to sixteen 'steps'");
    return;
  }
  bool all_optional = true;
  for (const YamlValue& each : *steps) {
    if (!in.keys(each, "a step", {"role", "host", "min_flows", "optional"})) {
      continue;
    }
    SequenceRecord::Step step;
    const auto role = in.word(each, "role", kRoleWords);
    const std::string host = in.text(each, "host");
    if (role.has_value() == !host.empty()) {
      in.error(each.line, "step", "a step names either a 'role' or a 'host' of the tool");
      continue;
    }
    if (role) {
      step.role = *parse_role(kRoleWords[*role]);
    } else {
      steps_.push_back(
          {book_.content.sequences.size(), sequence.steps.size(), host, {in.file(), each.line}});
    }
    step.optional = in.word(each, "optional", {"yes", "no"}) == std::optional<std::size_t>{0};
    all_optional = all_optional && step.optional;
    if (const std::string flows = in.text(each, "min_flows"); !flows.empty()) {
      const auto [end, error] =
          std::from_chars(flows.data(), flows.data() + flows.size(), step.min_flows);
      if (error != std::errc{} || end != flows.data() + flows.size() || step.min_flows == 0) {
        in.error(each.line, "wrong-type", "'min_flows' must be a number from 1");
      }
    }
    sequence.steps.push_back(step);
  }
  if (all_optional && !sequence.steps.empty()) {
    in.error(value.line, "step", "every step is optional, so the sequence would always hold");
  }
}

}  // namespace gnomon
