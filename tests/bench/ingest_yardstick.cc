// What this disk gives without a collector: raw RocksDB writes of the same bytes, and fdatasync.

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "collector/rollup/totals.h"
#include "collector/store/keys.h"
#include "core/net/crypto.h"
#include "tests/load/swarm_payload.h"
#include "tests/load/swarm_report.h"

#include <CLI/CLI.hpp>

namespace gnomon {
namespace {

using Moment = std::chrono::steady_clock::time_point;

// The budgets of the collector's own store (collector/store/database.cc).
constexpr std::size_t kMemtableBytes = std::size_t{32} << 20;
constexpr std::uint64_t kMaxWalBytes = std::uint64_t{64} << 20;
constexpr std::size_t kGroupBytes = std::size_t{4} << 20;

double ms_since(Moment begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

// AddBytes is the cheapest merge there is: byte by byte, with no idea of what the bytes mean.
class AddBytes final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice& /*key*/, const rocksdb::Slice* existing,
             const rocksdb::Slice& value, std::string* merged,
             rocksdb::Logger* /*logger*/) const override {
    merged->assign(value.data(), value.size());
    if (existing != nullptr) {
      for (std::size_t i = 0; i < std::min(existing->size(), value.size()); ++i) {
        (*merged)[i] = static_cast<char>((*merged)[i] + (*existing)[i]);
      }
    }
    return true;
  }
  const char* Name() const override { return "bench.add"; }
};

// Writes is what one batch of one agent adds to a commit, as the collector's store lays it out.
struct Writes {
  std::string batch_value;
  std::string cursor_key;
  std::string cursor_value;
  std::vector<std::pair<std::string, std::string>> merges;
};

Writes writes_of(const std::string& agent, const Batch& batch, const std::string& encoded) {
  Writes writes;
  writes.batch_value = store::batch_value({false, batch.sealed, 1, encoded});
  writes.cursor_key = store::cursor_key(agent);
  writes.cursor_value = store::cursor_value({1, 1});
  std::map<std::string, DayTotal> days;
  std::map<std::string, ToolDevice> tools;
  for (const Contact& contact : batch.contacts) {
    add(days[store::day_key(Day{20'000}, contact.tool, agent)], day_total(contact));
    add(tools[store::tool_key(contact.tool, agent)], tool_device(contact));
  }
  for (const auto& [key, total] : days) {
    writes.merges.emplace_back(key, encode(total));
  }
  for (const auto& [key, total] : tools) {
    writes.merges.emplace_back(key, encode(total));
  }
  AgentTotal agent_total;
  agent_total.batches = 1;
  writes.merges.emplace_back(store::agent_key(agent), encode(agent_total));
  return writes;
}

// write_raw has one thread write `batches` batches in commits of 4 MiB, each synced.
void write_raw(const std::string& folder, std::uint32_t agents, std::uint32_t batches,
               std::uint32_t contacts) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.merge_operator = std::make_shared<AddBytes>();
  options.compression = rocksdb::kZSTD;
  options.db_write_buffer_size = kMemtableBytes;
  options.write_buffer_size = std::size_t{8} << 20;
  options.max_total_wal_size = kMaxWalBytes;
  options.max_background_jobs = 2;
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(options, folder, &opened); !status.ok()) {
    throw std::runtime_error{status.ToString()};
  }
  const std::unique_ptr<rocksdb::DB> database{opened};
  const Batch batch = sample_batch(contacts);
  const std::string encoded = wire::encode_batch(batch);
  std::vector<std::pair<std::string, Writes>> each;
  for (std::uint32_t i = 0; i < agents; ++i) {
    const std::string agent = new_uuid();
    each.emplace_back(agent, writes_of(agent, batch, encoded));
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  std::vector<double> commits;
  const Moment begun = std::chrono::steady_clock::now();
  std::uint64_t written = 0;
  while (written < batches) {
    rocksdb::WriteBatch group;
    // A group of the collector holds one total a key, however many of an agent's batches are in it.
    const std::uint64_t until = std::min<std::uint64_t>(
        batches, written + std::max<std::size_t>(1, kGroupBytes / encoded.size()));
    for (std::uint64_t i = written; i < until; ++i) {
      const auto& [agent, writes] = each[i % agents];
      static_cast<void>(
          group.Put(store::batch_key(BatchId{agent, 1, 1 + i / agents}), writes.batch_value));
      if (i < written + agents) {
        static_cast<void>(group.Put(writes.cursor_key, writes.cursor_value));
        for (const auto& [key, value] : writes.merges) {
          static_cast<void>(group.Merge(key, value));
        }
      }
    }
    const Moment before = std::chrono::steady_clock::now();
    if (const auto status = database->Write(synced, &group); !status.ok()) {
      throw std::runtime_error{status.ToString()};
    }
    commits.push_back(ms_since(before));
    written = until;
  }
  const double seconds = ms_since(begun) / 1e3;
  Line{"yardstick.rocksdb"}
      .add("contacts_per_s", static_cast<double>(written) * contacts / seconds)
      .add("batches_per_s", static_cast<double>(written) / seconds)
      .add("seconds", seconds)
      .add("cpu_s", usage_of_self().cpu_s)
      .add("commits", static_cast<double>(commits.size()))
      .add("commit_p50_ms", quantile(commits, 0.5))
      .add("commit_p99_ms", quantile(commits, 0.99))
      .print();
}

// sync_often appends `bytes` and calls fdatasync, `times` over, resting `pause_ms` in between.
void sync_often(const std::string& path, std::uint32_t bytes, std::uint32_t times,
                std::uint32_t pause_ms) {
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) {
    throw std::runtime_error{"cannot make " + path};
  }
  const std::string data = random_bytes(bytes);
  std::vector<double> took;
  for (std::uint32_t i = 0; i < times; ++i) {
    const Moment before = std::chrono::steady_clock::now();
    if (::write(file, data.data(), data.size()) != static_cast<ssize_t>(data.size()) ||
        ::fdatasync(file) != 0) {
      throw std::runtime_error{"cannot write to " + path};
    }
    took.push_back(ms_since(before));
    ::usleep(pause_ms * 1000);
  }
  ::close(file);
  Line{"yardstick.fdatasync"}
      .add("bytes", bytes)
      .add("times", times)
      .add("p50_ms", quantile(took, 0.5))
      .add("p99_ms", quantile(took, 0.99))
      .print();
}

int run(int argc, char** argv) {
  CLI::App program{"What this disk gives without a collector."};
  program.require_subcommand(1);
  program.footer("Example:\n  bench_ingest_yardstick rocksdb --path /tmp/new --batches 20000");
  std::string path;
  std::uint32_t agents = 64;
  std::uint32_t batches = 10'000;
  std::uint32_t contacts = 100;
  std::uint32_t bytes = 4096;
  std::uint32_t times = 1000;
  std::uint32_t pause_ms = 0;
  CLI::App* rocks = program.add_subcommand("rocksdb", "Batches and totals of the same bytes");
  rocks->add_option("--path", path, "a new folder")->required();
  rocks->add_option("--agents", agents, "how many")->check(CLI::Range(1, 100'000));
  rocks->add_option("--batches", batches, "of all agents together");
  rocks->add_option("--contacts", contacts, "a batch")->check(CLI::Range(1, 4096));
  CLI::App* sync = program.add_subcommand("fdatasync", "Appends, each synced");
  sync->add_option("--path", path, "a new file")->required();
  sync->add_option("--bytes", bytes, "each")->check(CLI::Range(1, 64 << 20));
  sync->add_option("--times", times, "how often")->check(CLI::Range(1, 1'000'000));
  sync->add_option("--pause", pause_ms, "milliseconds in between");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  if (*rocks) {
    write_raw(path, agents, batches, contacts);
  } else {
    sync_often(path, bytes, times, pause_ms);
  }
  return 0;
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  try {
    return gnomon::run(argc, argv);
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "bench_ingest_yardstick: %s\n", error.what()));
    return 2;
  }
}
