// Times for people.

#pragma once

#include <string>

#include "core/clock.h"

namespace gnomon {

// time_text gives "2026-11-16 09:10:05" in UTC; clock_text the "09:10:05" of it; day_text
// "Mon 2026-11-16".
std::string time_text(WallTime when);
std::string clock_text(WallTime when);
std::string day_text(WallTime when);

}  // namespace gnomon
