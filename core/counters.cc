#include "core/counters.h"

#include <algorithm>
#include <vector>

namespace gnomon {
namespace {

std::string render_labels(std::initializer_list<Label> labels) {
  if (labels.size() == 0) {
    return {};
  }
  std::string text = "{";
  for (const auto& [key, value] : labels) {
    if (text.size() > 1) {
      text += ',';
    }
    text += key;
    text += "=\"";
    for (const char c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') {
        text += '\\';
      }
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

}  // namespace

Counters::Series& Counters::find_or_make(std::string_view name, std::string_view help,
                                         std::initializer_list<Label> labels, bool is_gauge) {
  const std::string rendered = render_labels(labels);
  const std::lock_guard lock{mutex_};
  for (Series& series : series_) {
    // The labels first: series of one name stand together, and differ in them.
    if (series.labels == rendered && series.name == name) {
      return series;
    }
  }
  Series& made = series_.emplace_back();
  made.name = name;
  made.labels = rendered;
  made.help = help;
  made.is_gauge = is_gauge;
  return made;
}

Counter& Counters::counter(std::string_view name, std::string_view help,
                           std::initializer_list<Label> labels) {
  return find_or_make(name, help, labels, false).counter;
}

Gauge& Counters::gauge(std::string_view name, std::string_view help,
                       std::initializer_list<Label> labels) {
  return find_or_make(name, help, labels, true).gauge;
}

std::string Counters::render() const {
  const std::lock_guard lock{mutex_};
  std::vector<const Series*> sorted;
  sorted.reserve(series_.size());
  for (const Series& series : series_) {
    sorted.push_back(&series);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Series* a, const Series* b) {
    return a->name != b->name ? a->name < b->name : a->labels < b->labels;
  });
  std::string text;
  std::string_view previous;
  for (const Series* series : sorted) {
    if (series->name != previous) {
      previous = series->name;
      if (!series->help.empty()) {
        text += "# HELP " + series->name + " " + series->help + "\n";
      }
      text += "# TYPE " + series->name + (series->is_gauge ? " gauge\n" : " counter\n");
    }
    text += series->name + series->labels + " ";
    text += series->is_gauge ? std::to_string(series->gauge.value())
                             : std::to_string(series->counter.value());
    text += '\n';
  }
  return text;
}

std::int64_t Counters::value(std::string_view series) const {
  const std::lock_guard lock{mutex_};
  for (const Series& known : series_) {
    if (known.name + known.labels == series) {
      return known.is_gauge ? known.gauge.value()
                            : static_cast<std::int64_t>(known.counter.value());
    }
  }
  return 0;
}

}  // namespace gnomon
