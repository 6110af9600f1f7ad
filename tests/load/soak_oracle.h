// The soak's oracle: what simulated agents meant to store, and what their spools promised.

#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace gnomon::soak {

// Every contact of the soak carries a name of its own in the field for the tenant, so that each
// can be found again, or missed.
struct ContactName {
  std::uint32_t agent = 0;
  std::uint64_t batch = 0;  // counts up within the agent, whatever is killed
  std::uint32_t index = 0;  // within the batch

  auto operator<=>(const ContactName&) const = default;
};
std::string to_string(const ContactName& name);

// parse_contact_name aborts on anything else: nobody but the soak writes into its store.
ContactName parse_contact_name(const std::string& text);

// Promise is what Spool::append() returned for a batch.
struct Promise {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
};

// Intent is one batch that an agent made. No promise: append() was not seen to return, so the
// batch may be stored or not.
struct Intent {
  std::uint32_t contacts = 0;
  bool promised = false;
  Promise promise;
};

// AgentOracle is all batches of one agent by their number.
using AgentOracle = std::map<std::uint64_t, Intent>;

// OracleWriter appends to a file with one write a fact, so that a killed process leaves whole ones.
class OracleWriter {
 public:
  explicit OracleWriter(const std::string& path);
  OracleWriter(const OracleWriter&) = delete;
  OracleWriter& operator=(const OracleWriter&) = delete;
  ~OracleWriter();

  // intend comes before the batch is first given to the spool.
  void intend(std::uint32_t agent, std::uint64_t batch, std::uint32_t contacts);
  // promise comes after the spool took it.
  void promise(std::uint32_t agent, std::uint64_t batch, Promise promise);

 private:
  int descriptor_ = -1;
};

// read_oracle adds what a file holds; a file that is not there holds nothing.
void read_oracle(const std::string& path, std::map<std::uint32_t, AgentOracle>& agents);

}  // namespace gnomon::soak
