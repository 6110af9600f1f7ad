#include "tests/load/soak_oracle.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "core/check.h"

namespace gnomon::soak {
namespace {

void write_line(int descriptor, const std::string& line) {
  GNOMON_CHECK(::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

}  // namespace

std::string to_string(const ContactName& name) {
  return std::to_string(name.agent) + "." + std::to_string(name.batch) + "." +
         std::to_string(name.index);
}

ContactName parse_contact_name(const std::string& text) {
  std::istringstream in{text};
  ContactName name;
  char dot = 0;
  in >> name.agent >> dot >> name.batch >> dot >> name.index;
  GNOMON_CHECK(!in.fail() && to_string(name) == text);
  return name;
}

OracleWriter::OracleWriter(const std::string& path)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  GNOMON_CHECK(descriptor_ >= 0);
}

OracleWriter::~OracleWriter() {
  ::close(descriptor_);
}

void OracleWriter::intend(std::uint32_t agent, std::uint64_t batch, std::uint32_t contacts) {
  write_line(descriptor_, "I " + std::to_string(agent) + " " + std::to_string(batch) + " " +
                              std::to_string(contacts) + "\n");
}

void OracleWriter::promise(std::uint32_t agent, std::uint64_t batch, Promise promise) {
  write_line(descriptor_, "P " + std::to_string(agent) + " " + std::to_string(batch) + " " +
                              std::to_string(promise.epoch) + " " +
                              std::to_string(promise.sequence) + "\n");
}

void read_oracle(const std::string& path, std::map<std::uint32_t, AgentOracle>& agents) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line) && !file.eof();) {
    std::istringstream in{line};
    char kind = 0;
    std::uint32_t agent = 0;
    std::uint64_t batch = 0;
    in >> kind >> agent >> batch;
    Intent& intent = agents[agent][batch];
    if (kind == 'I') {
      in >> intent.contacts;
    } else {
      in >> intent.promise.epoch >> intent.promise.sequence;
      intent.promised = true;
    }
    GNOMON_CHECK(!in.fail());
  }
}

}  // namespace gnomon::soak
