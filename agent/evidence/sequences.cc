#include "agent/evidence/sequences.h"

#include <algorithm>
#include <optional>

namespace gnomon {

void Sequences::set_pack(std::shared_ptr<const RulePack> pack) {
  progress_.clear();
  known_.clear();
  pack_ = std::move(pack);
  for (const Sequence& sequence : pack_->sequences()) {
    const ToolView tool = pack_->tool(sequence.tool);
    known_.push_back({&sequence, tool.id, tool.family});
  }
}

// step moves `progress` on; true when the sequence is complete.
bool Sequences::step(const Sequence& sequence, const Match& match, Progress& progress) {
  const std::chrono::seconds within{sequence.within_s};
  if (progress.next_step > 0 && match.sighting.when - progress.begun > within) {
    progress = Progress{};
  }
  // Optional steps may be passed over, so the match may belong to a later step.
  for (std::size_t i = progress.next_step; i < sequence.steps.size(); ++i) {
    const SequenceStep& step = sequence.steps[i];
    const bool here =
        step.rule ? *step.rule == match.rule : step.role == match.role || match.shares(step.role);
    if (here) {
      progress.flows = i == progress.next_step ? progress.flows : 0;
      if (progress.next_step == 0 && progress.flows == 0) {
        progress.begun = match.sighting.when;
      }
      progress.next_step = i;
      if (++progress.flows >= step.min_flows) {
        progress.next_step = i + 1;
        progress.flows = 0;
      }
      break;
    }
    if (!step.optional) {
      break;
    }
  }
  if (progress.next_step < sequence.steps.size()) {
    return false;
  }
  progress = Progress{};
  return true;
}

std::vector<Sequences::Done> Sequences::add(const std::string& user, const Match& match) {
  std::vector<Done> done;
  for (const Known& known : known_) {
    const bool concerned = match.meaning == Meaning::family ? known.family == match.tool
                                                            : known.sequence->tool == match.tool;
    if (!concerned) {
      continue;
    }
    if (progress_.size() >= kMaxInProgress) {
      progress_.erase(std::min_element(
          progress_.begin(), progress_.end(),
          [](const auto& a, const auto& b) { return a.second.begun < b.second.begun; }));
    }
    if (step(*known.sequence, match, progress_[{user, known.sequence}])) {
      done.push_back({known.tool, known.sequence->id});
    }
  }
  return done;
}

}  // namespace gnomon
