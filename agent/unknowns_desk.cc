#include "agent/unknowns_desk.h"

#include <string_view>
#include <system_error>
#include <utility>

#include "agent/ceiling.h"
#include "agent/data_folder.h"
#include "agent/policy_file.h"
#include "agent/rooms.h"
#include "agent/sealed_file.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"

namespace gnomon {
namespace {

// Tokens of one batch: some 15 KiB.
constexpr std::size_t kTokensABatch = 512;
static_assert(kTokensABatch <= kMaxBatchUnknowns);

constexpr std::size_t kMaxKeyFileBytes = 256;
constexpr std::string_view kUnknownsPurpose = "unknowns";
// kMaxDomains marks of 100 bytes and kMaxReveals reveals, twice over.
constexpr std::size_t kMaxFileBytes = std::size_t{2} << 20;

}  // namespace

std::string unknowns_secret(FileSystem& files, const std::string& path) {
  const auto text = read_whole_file(files, path, kMaxKeyFileBytes);
  if (!text) {
    return {};
  }
  const auto secret = from_hex(std::string_view{*text}.substr(0, text->find_first_of(" \r\n")));
  return secret && secret->size() == kUnknownsKeyBytes ? *secret : std::string{};
}

UnknownReports read_unknown_reports(FileSystem& files, const Config& config,
                                    const RecordCipher* cipher) {
  const DataFolder folder{config.data};
  const StoredPolicy stored = read_policy(files, folder);
  const InForce in_force = Ceiling{config}.under(stored.policy ? &*stored.policy : nullptr);
  UnknownReports reports{in_force.unknowns, unknowns_secret(files, folder.unknowns_key())};
  const auto text =
      read_sealed_file(files, folder.unknowns(), kMaxFileBytes, cipher, kUnknownsPurpose);
  const bool closed = !text && text.error().code == std::errc::bad_message;
  if (closed || (text && !reports.decode(bytes_of(*text)))) {
    log::warn("unknowns.not_read", {{"now", "what was reported is noted anew"}});
  }
  return reports;
}

UnknownsDesk::UnknownsDesk(FileSystem& files, const Clock& clock, const Config& config,
                           const RecordCipher* cipher)
    : files_(files),
      clock_(clock),
      cipher_(cipher),
      path_(DataFolder{config.data}.unknowns()),
      reports_(read_unknown_reports(files, config, cipher)),
      ledger_(ledger_options(config)) {}

void UnknownsDesk::take_ledger(const std::vector<std::uint8_t>& bytes) {
  // Bytes that cannot be read are told of where the capture side reads them.
  static_cast<void>(ledger_.decode(bytes));
  reports_.follow(ledger_);
}

void UnknownsDesk::take_policy(const wire::UnknownsPolicy& policy) {
  heard_ = true;
  if (reports_.set_policy(policy)) {
    log::info("unknowns.policy", {{"collector_asks", policy.enabled ? "yes" : "no"},
                                  {"tokens_leave", reports_.obstacle().empty() ? "yes" : "no"}});
    save();
  }
}

void UnknownsDesk::report(const std::function<bool(std::vector<TokenReport>)>& spool) {
  for (auto due = reports_.due(ledger_, kTokensABatch); !due.empty();
       due = reports_.due(ledger_, kTokensABatch)) {
    std::vector<TokenReport> tokens;
    tokens.reserve(due.size());
    for (const DueReport& one : due) {
      tokens.push_back(one.report);
    }
    if (!spool(std::move(tokens))) {
      return;
    }
    reports_.mark(due);
    save();
  }
}

wire::RevealReply UnknownsDesk::reveal(const wire::RevealRequest& request) {
  UnknownReports before = reports_;
  wire::RevealReply reply = reports_.answer(request, ledger_, clock_.wall());
  const std::size_t told = reports_.told_count() - before.told_count();
  if (told == 0) {
    return reply;
  }
  if (!save()) {
    reports_ = std::move(before);
    for (wire::RevealAnswer& answer : reply.answers) {
      answer.domain.clear();
    }
    return reply;
  }
  log::info("unknowns.revealed", {{"domains", told}});
  return reply;
}

bool UnknownsDesk::save() {
  const std::vector<std::uint8_t> bytes = reports_.encode();
  const auto saved = replace_sealed_file(files_, path_, text_of(bytes), cipher_, kUnknownsPurpose);
  if (!saved) {
    log::warn("unknowns.not_saved", {{"why", saved.error().text()}});
  }
  return saved.has_value();
}

}  // namespace gnomon
