// StateCodec: the evidence room's memory as bytes, so that it survives restarts. See FORMAT.md.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/evidence/evidence.h"
#include "agent/evidence/tool_state.h"
#include "core/byte_reader.h"
#include "core/byte_writer.h"
#include "core/result.h"

namespace gnomon {

// StateCodec encodes and decodes; decode(encode(x)) is x. decode never trusts a length.
class StateCodec {
 public:
  using States = std::map<std::pair<std::string, std::string>, ToolState>;

  struct Decoded {
    States states;
    std::optional<WallTime> learning_until;
  };

  static std::vector<std::uint8_t> encode(const States& states,
                                          std::optional<WallTime> learning_until);
  static Result<Decoded, StateFault> decode(Bytes bytes);

 private:
  struct Steps;
  template <typename State, typename Old>
  static auto flags_of(State& state, Old& steps);
  static void read_steps(const Steps& steps, ToolState& state);
  static void write_state(ByteWriter& writer, const ToolState& state);
  static bool read_state(ByteReader& reader, bool former, ToolState& state);
};

}  // namespace gnomon
