// The agent's self-test of a rule pack or overlay: does it see and name with it?

#pragma once

#include <memory>
#include <string>

#include "core/catalog/rule_pack.h"

namespace gnomon {

// self_test tries a verified pack before it comes into use. A made-up DNS question for a host that
// the pack itself names goes through all rooms and must come out with that tool's name; hosts of
// rules spread over the pack must have a meaning; a host that cannot exist must have none, for a
// pack that names everything would make everybody a user. Empty: all is well; else one sentence.
//
// Touches no file, no network and no clock; takes some milliseconds and the memory of a second set
// of rooms.
std::string self_test(const std::shared_ptr<const RulePack>& pack);

// self_test_overlaid tries a catalogue with the company's overlay over it likewise. The company may
// take meanings away, so rules without one are passed over; some tool must still be named.
std::string self_test_overlaid(const std::shared_ptr<const RulePack>& pack);

}  // namespace gnomon
