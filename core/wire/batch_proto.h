// Between the plain structs of batch.h and the generated types. Inside core/wire only.

#pragma once

#include <optional>

#include "core/wire/batch.h"
#include "core/wire/wire_error.h"

namespace gnomon::v1 {
class Health;
}

namespace gnomon::wire {

void to_proto(const Health& health, v1::Health& out);
Health from_proto(const v1::Health& in);

// check yields the first limit or rule that a decoded message breaks.
std::optional<WireError> check(const v1::Health& health);

}  // namespace gnomon::wire
