// Who made a contact: a browser, an installed program, a script.

#pragma once

#include <cstdint>

#include "agent/sight/sighting.h"

namespace gnomon {

// Maker is who made a contact, as far as names tell.
enum class Maker : std::uint8_t {
  unknown,
  browser,
  program,  // an installed program of its own
  script,   // an interpreter, or a library without a browser around it
};

// maker_of reads the program's name where it is known, else the shape of the hello. It yields
// `unknown` for an installed client with a browser's engine inside, and for whatever has neither.
Maker maker_of(const Sighting& sighting);

}  // namespace gnomon
