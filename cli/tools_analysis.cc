// Tools instead of sightings: what `gnomon analyze` shows by default.

#include <memory>
#include <utility>

#include "agent/evidence/evidence.h"
#include "agent/match/matcher.h"
#include "cli/analysis.h"
#include "cli/tool_report.h"

namespace gnomon::cli {
namespace {

class ToolsAnalysis final : public Analysis, private ContactSink {
 public:
  ToolsAnalysis(std::shared_ptr<const RulePack> pack, Format format, Output& output)
      : pack_(std::move(pack)),
        format_(format),
        output_(output),
        matcher_(pack_, counters_),
        evidence_(pack_, EvidenceOptions{}, counters_, *this) {}

  void on_sighting(Sighting&& sighting) override {
    if (const auto match = matcher_.match(std::move(sighting))) {
      evidence_.add(*match);
    }
  }

  void finish() override {
    evidence_.finish();
    append_tools(find_tools(*pack_, evidence_.judgements()), format_, output_.text());
    output_.flush();
  }

 private:
  // The judgements say all that contacts do, and of the whole capture.
  void on_contact(Contact) override {}

  std::shared_ptr<const RulePack> pack_;
  Format format_;
  Output& output_;
  Counters counters_;
  Matcher matcher_;
  EvidenceRoom evidence_;
};

}  // namespace

std::unique_ptr<Analysis> make_tools_analysis(std::shared_ptr<const RulePack> pack, Format format,
                                              Output& output) {
  return std::make_unique<ToolsAnalysis>(std::move(pack), format, output);
}

}  // namespace gnomon::cli
