// SightingSink: who takes the sightings that the sight room yields.

#pragma once

#include "agent/sight/sighting.h"

namespace gnomon {

// SightingSink is called on the capture thread, once per sighting, in the order of the traffic.
class SightingSink {
 public:
  SightingSink() = default;
  SightingSink(const SightingSink&) = delete;
  SightingSink& operator=(const SightingSink&) = delete;
  virtual ~SightingSink() = default;

  virtual void on_sighting(Sighting&& sighting) = 0;
};

}  // namespace gnomon
