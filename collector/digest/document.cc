#include "collector/digest/document.h"

#include <utility>

#include "core/counted.h"

namespace gnomon {
namespace {

// tag_of shows a standing that tells something: that a tool is new, its place in the list says.
std::string tag_of(const std::string& standing) {
  return standing == "new" ? std::string{} : standing;
}

DocumentItem item_of(const DigestTool& tool) {
  return {tool.name, tool.category, tag_of(tool.standing), tool.words, tool.why};
}

void add(Document& document, DocumentSection section, const std::vector<DigestTool>& tools) {
  for (const DigestTool& tool : tools) {
    section.items.push_back(item_of(tool));
  }
  if (!section.items.empty()) {
    document.sections.push_back(std::move(section));
  }
}

void add(Document& document, DocumentSection section, const std::vector<DigestLine>& lines) {
  for (const DigestLine& line : lines) {
    section.items.push_back({{}, {}, {}, line.text + ".", {}});
  }
  if (!section.items.empty()) {
    document.sections.push_back(std::move(section));
  }
}

void add_seen_only(Document& document, const Digest& digest) {
  DocumentSection section{"not-used", "Seen, but not used", {}, {}, false};
  if (digest.embedded_only > 0) {
    section.items.push_back({{},
                             {},
                             {},
                             counted(digest.embedded_only, "tool", "tools") +
                                 " only sat on pages that people read (a counter, a widget, a "
                                 "video). Nobody used them, "
                                 "so they are not named.",
                             {}});
  }
  if (digest.mentioned_only > 0) {
    section.items.push_back(
        {{},
         {},
         {},
         counted(digest.mentioned_only, "tool", "tools") +
             (digest.mentioned_only == 1 ? " had its name" : " had their names") +
             " looked up and nothing more. Browsers do that by "
             "themselves.",
         {}});
  }
  if (!section.items.empty()) {
    document.sections.push_back(std::move(section));
  }
}

}  // namespace

Document make_document(const Digest& digest) {
  Document document;
  document.title = "The week in tools";
  document.subtitle = to_string(digest.week) + ", " + digest.span;
  document.headline = digest.headline;
  if (digest.sample) {
    document.notices.emplace_back(
        "Sample: this week was played from recordings, so that there is something to look at.");
  }
  if (!digest.complete) {
    document.notices.emplace_back("The week is not over yet; numbers will grow.");
  }
  if (digest.first_week) {
    document.notices.emplace_back(
        "The first week of watching: many tools look new that people have long used.");
  }

  add(document,
      {"likely-signups",
       "Likely sign-ups",
       "Names on the network cannot show whether a form was sent. These look like it.",
       {},
       true},
      digest.signups);
  add(document, {"new", "New", "In use for the first time this week.", {}, true},
      digest.fresh_tools);
  add(document, {"growing", "Growing", {}, {}, true}, digest.growing);
  add(document, {"in-use", "In use", "People came back to these on another day.", {}, false},
      digest.in_use);
  add(document,
      {"integrations",
       "Called by programs",
       "Not people but programs use these. Whoever retires one will want to know.",
       {},
       false},
      digest.integrations);
  add(document, {"overlaps", "One job, several tools", {}, {}, false}, digest.overlaps);
  add(document,
      {"others-tenants",
       "At other companies' workspaces",
       "Working in a partner's or customer's workspace is often the job. It is worth knowing where "
       "files go.",
       {},
       false},
      digest.tenants);
  add(document, {"trials", "On trial", {}, {}, false}, digest.trials);
  add(document, {"leaving", "Leaving, and still seen", {}, {}, false}, digest.leaving);
  add(document, {"opened", "Opened, nothing more", "Somebody had a look.", {}, false},
      digest.opened);
  add(document, {"decided", "Decided", {}, {}, false}, digest.decided);
  add(document, {"answers", "How long we took", {}, {}, false}, digest.answers);
  add(document,
      {"outside",
       "Seen outside the catalogue",
       "Sites that several colleagues opened and that nobody has looked at yet. Some are tools, "
       "many "
       "are not: whoever knows one is welcome to say what it is for.",
       {},
       false},
      digest.outside);
  add_seen_only(document, digest);
  add(document, {"blind-spots", "What we could not see", {}, {}, false}, digest.blind_spots);

  std::string groups = "Numbers are devices, not people.";
  if (digest.min_group > 1) {
    groups += " Groups of fewer than " + std::to_string(digest.min_group) +
              " are not counted out, and nobody is named.";
  }
  document.footer.push_back(std::move(groups));
  document.footer.emplace_back(
      "Somebody picked these tools to get work done. Ask what for before anything else.");
  document.footer.push_back("Made " + digest.asked +
                            (digest.fresh.empty() ? "" : " from data up to " + digest.fresh) +
                            " by Gnomon.");
  return document;
}

}  // namespace gnomon
