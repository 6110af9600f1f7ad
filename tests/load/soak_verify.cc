#include "tests/load/soak_verify.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/file.h"
#include "core/wire/batch.h"

namespace gnomon::soak {
namespace {

constexpr std::size_t kFaultsTold = 12;

// is_counted is false for gaps that stand for sequences whose contents nobody could read any more.
bool is_counted(const Gap& gap) {
  return gap.reason != "record-damaged" && gap.reason != "retention-passed";
}

// StoredUpload is one value of the store.
struct StoredUpload {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t counted_lost = 0;  // in gaps that count contacts
  std::uint64_t missing = 0;       // promised contacts of its sequences that are not stored
  std::vector<Gap> gaps;

  // naming is the gap that declares the loss of a sequence without a count; null when none does.
  const Gap* naming(std::uint64_t sequence) const {
    const auto found = std::find_if(gaps.begin(), gaps.end(), [&](const Gap& gap) {
      return !is_counted(gap) && gap.from_sequence <= sequence && sequence <= gap.to_sequence;
    });
    return found == gaps.end() ? nullptr : &*found;
  }
};

struct StoredAgent {
  std::vector<StoredUpload> uploads;                      // ascending
  std::map<std::uint64_t, std::set<std::uint32_t>> seen;  // batch, and which of its contacts
};

class Verifier {
 public:
  Verifier(const std::map<std::uint32_t, AgentOracle>& oracle,
           const std::map<std::uint32_t, std::string>& names)
      : oracle_(oracle) {
    for (const auto& [number, name] : names) {
      numbers_[name] = number;
    }
  }

  void take(const Upload& upload, bool refused) {
    const auto number = numbers_.find(upload.id.agent);
    if (number == numbers_.end()) {
      return fault("a batch is stored of an agent that never enrolled");
    }
    ++verdict_.stored_batches;
    const auto batch = wire::decode_batch(bytes_of(upload.encoded));
    if (refused || !batch) {
      return fault(where(number->second, upload.id.epoch, upload.id.sequence) +
                   ": the batch could not be decoded");
    }
    StoredAgent& agent = stored_[number->second];
    check_place(number->second, agent, upload);
    StoredUpload one{upload.id.epoch, upload.first_sequence, upload.id.sequence, 0, 0, batch->gaps};
    for (const Gap& gap : batch->gaps) {
      ++verdict_.gaps[gap.reason];
      verdict_.declared_contacts[gap.reason] += gap.contacts;
      one.counted_lost += is_counted(gap) ? gap.contacts : 0;
    }
    agent.uploads.push_back(std::move(one));
    for (const Contact& contact : batch->contacts) {
      take_contact(number->second, agent, parse_contact_name(contact.tenant));
    }
  }

  void check_agent(std::uint32_t number, const std::optional<Cursor>& cursor) {
    StoredAgent& agent = stored_[number];
    const std::uint64_t last = agent.uploads.empty() ? 0 : agent.uploads.back().last;
    if ((cursor ? cursor->sequence : 0) != last) {
      fault("agent " + std::to_string(number) + ": the cursor is not at the last batch");
    }
    const auto batches = oracle_.find(number);
    if (batches == oracle_.end()) {
      return;
    }
    std::uint64_t doubtful = 0;  // contacts of batches that nobody saw promised, and not stored
    for (const auto& [batch, intent] : batches->second) {
      const auto seen = agent.seen.find(batch);
      const std::uint64_t there = seen == agent.seen.end() ? 0 : seen->second.size();
      const std::uint64_t missing =
          intent.contacts - std::min<std::uint64_t>(there, intent.contacts);
      if (!intent.promised) {
        doubtful += missing;
        verdict_.unpromised_stored += there > 0 ? 1U : 0U;
        continue;
      }
      ++verdict_.promised_batches;
      verdict_.promised_contacts += intent.contacts;
      if (missing > 0) {
        check_missing(number, agent, intent.promise, missing);
      }
    }
    check_counts(number, agent, doubtful);
  }

  void check(bool holds, const std::string& words) {
    if (!holds) {
      fault(words);
    }
  }

  Verdict verdict() && { return std::move(verdict_); }

 private:
  static std::string where(std::uint32_t agent, std::uint64_t epoch, std::uint64_t sequence) {
    return "agent " + std::to_string(agent) + ", epoch " + std::to_string(epoch) + ", sequence " +
           std::to_string(sequence);
  }

  void fault(const std::string& words) {
    ++verdict_.faults_found;
    if (verdict_.faults.size() < kFaultsTold) {
      verdict_.faults.push_back(words);
    }
  }

  void check_place(std::uint32_t number, const StoredAgent& agent, const Upload& upload) {
    const bool same = !agent.uploads.empty() && agent.uploads.back().epoch == upload.id.epoch;
    const std::uint64_t expected = same ? agent.uploads.back().last + 1 : 1;
    if (upload.first_sequence != expected || upload.id.sequence < upload.first_sequence) {
      fault(where(number, upload.id.epoch, upload.id.sequence) + ": there is a hole before it");
    }
  }

  void take_contact(std::uint32_t number, StoredAgent& agent, const ContactName& name) {
    ++verdict_.stored_contacts;
    const auto batches = oracle_.find(number);
    const bool meant = name.agent == number && batches != oracle_.end() &&
                       batches->second.contains(name.batch) &&
                       name.index < batches->second.at(name.batch).contacts;
    if (!meant) {
      fault("contact " + to_string(name) + " is stored, and nobody meant to");
    }
    if (!agent.seen[name.batch].insert(name.index).second) {
      fault("contact " + to_string(name) + " is stored twice");
    }
  }

  // check_missing finds the value that stands for a promised batch's sequence.
  void check_missing(std::uint32_t number, StoredAgent& agent, const Promise& promise,
                     std::uint64_t missing) {
    const auto found =
        std::find_if(agent.uploads.begin(), agent.uploads.end(), [&](const StoredUpload& upload) {
          return upload.epoch == promise.epoch && upload.first <= promise.sequence &&
                 promise.sequence <= upload.last;
        });
    if (found == agent.uploads.end() || found->gaps.empty()) {
      fault(where(number, promise.epoch, promise.sequence) + ": " + std::to_string(missing) +
            " promised contacts are missing, and no gap stands in their place");
      return;
    }
    // What is named by its sequence is uncounted: the payload that knew was damaged or removed.
    if (const Gap* gap = found->naming(promise.sequence)) {
      verdict_.missing_contacts[gap->reason] += missing;
    } else {
      verdict_.missing_contacts["counted"] += missing;
      found->missing += missing;
    }
  }

  // check_counts compares, value by value, what gaps count with what is missing.
  void check_counts(std::uint32_t number, const StoredAgent& agent, std::uint64_t doubtful) {
    std::uint64_t over = 0;
    for (const StoredUpload& upload : agent.uploads) {
      if (upload.counted_lost < upload.missing) {
        fault(where(number, upload.epoch, upload.last) + ": " + std::to_string(upload.missing) +
              " contacts are missing, its gaps count " + std::to_string(upload.counted_lost));
      } else {
        over += upload.counted_lost - upload.missing;
      }
    }
    if (over > doubtful) {
      fault("agent " + std::to_string(number) + ": gaps count " + std::to_string(over) +
            " contacts more than are missing");
    }
  }

  const std::map<std::uint32_t, AgentOracle>& oracle_;
  std::map<std::string, std::uint32_t> numbers_;
  std::map<std::uint32_t, StoredAgent> stored_;
  Verdict verdict_;
};

// totals_of is every total of a store as text of its bytes.
Result<std::map<std::string, std::string>, IoError> totals_of(const Store& store) {
  std::map<std::string, std::string> all;
  const auto snapshot = store.snapshot();
  const Day begin{0};
  const Day end{1'000'000};
  std::uint64_t gaps = 0;
  for (const auto& read :
       {snapshot->days(
            begin, end,
            [&](Day day, auto tool, auto device, const DayTotal&total) {
              all["day " + to_string(day) + " " + std::string{tool} + " " + std::string{device}] =
                  encode(total);
              return true;
            }),
        snapshot->tools("",
                        [&](auto tool, auto device, const ToolDevice&life) {
                          all["tool " + std::string{tool} + " " + std::string{device}] =
                              encode(life);
                          return true;
                        }),
        snapshot->agents([&](auto agent, const AgentTotal&total) {
          all["agent " + std::string{agent}] = encode(total);
          return true;
        }),
        snapshot->health(begin, end,
                         [&](Day day, auto agent, const HealthDay&total) {
                           all["health " + to_string(day) + " " + std::string{agent}] =
                               encode(total);
                           return true;
                         }),
        snapshot->gaps(begin, end, [&](Day day, auto agent, const Gap&gap) {
          all["gap " + to_string(day) + " " + std::string{agent} + " " + std::to_string(gaps++)] =
              encode(gap);
          return true;
        })}) {
    if (!read) {
      return Failure{read.error()};
    }
  }
  return all;
}

}  // namespace

Result<Verdict, IoError> verify(Store& store, const std::map<std::uint32_t, AgentOracle>& oracle,
                                const std::map<std::uint32_t, std::string>& names) {
  Verifier verifier{oracle, names};
  if (const auto read = store.visit_batches([&](const Upload& upload, bool refused) {
        verifier.take(upload, refused);
        return true;
      });
      !read) {
    return Failure{read.error()};
  }
  for (const auto& [number, name] : names) {
    const auto cursor = store.cursor(name);
    if (!cursor) {
      return Failure{cursor.error()};
    }
    verifier.check_agent(number, *cursor);
  }
  const auto before = totals_of(store);
  if (!before) {
    return Failure{before.error()};
  }
  if (const auto rebuilt = store.rebuild(); !rebuilt) {
    return Failure{rebuilt.error()};
  }
  const auto after = totals_of(store);
  if (!after) {
    return Failure{after.error()};
  }
  verifier.check(!before->empty(), "there are no totals at all");
  verifier.check(before->size() == after->size(),
                 "the totals have other keys than the batches give");
  for (const auto& [key, total] : *after) {
    const auto found = before->find(key);
    verifier.check(found != before->end() && found->second == total,
                   "the total '" + key + "' is not what the batches give");
  }
  return std::move(verifier).verdict();
}

}  // namespace gnomon::soak
