#include "agent/capture/file_packet_source.h"

#include <utility>

namespace gnomon {

Result<std::unique_ptr<FilePacketSource>, CaptureError> FilePacketSource::open(
    const std::string& path) {
  auto input = open_input(path);
  if (!input) {
    return Failure{input.error()};
  }
  const std::string name = path == "-" ? "standard input" : path;
  std::unique_ptr<FilePacketSource> source{new FilePacketSource{std::move(*input)}};
  const Bytes start = source->feed_.want(4);
  if (source->feed_.error() != nullptr) {
    return Failure{*source->feed_.error()};
  }
  if (start.empty()) {
    return Failure{CaptureError{CaptureError::Kind::empty, name + " is empty"}};
  }
  if (PcapngReader::recognises(start)) {
    auto reader = PcapngReader::open(source->feed_, name);
    if (!reader) {
      return Failure{reader.error()};
    }
    source->reader_ = std::move(*reader);
  } else {
    auto reader = PcapReader::open(source->feed_, name);
    if (!reader) {
      return Failure{reader.error()};
    }
    source->reader_ = std::move(*reader);
  }
  return source;
}

Result<Pull, CaptureError> FilePacketSource::next(Packet& packet,
                                                  std::chrono::milliseconds /*patience*/) {
  return next(packet);
}

Result<Pull, CaptureError> FilePacketSource::next(Packet& packet) {
  if (failed_ != nullptr) {
    return Failure{*failed_};
  }
  auto pulled = reader_.index() == 1 ? std::get_if<1>(&reader_)->next(packet)
                                     : std::get_if<2>(&reader_)->next(packet);
  if (!pulled) {
    failed_ = std::make_unique<CaptureError>(pulled.error());
  }
  return pulled;
}

}  // namespace gnomon
