#include "core/byte_reader.h"

#include <array>

#include "core/byte_writer.h"
#include "tests/support/catch.h"

using gnomon::ByteReader;
using gnomon::ByteWriter;

TEST_CASE("ByteReader: a read past the end yields zero and fails for good", "[core]") {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteReader reader{bytes};
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.u16() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.empty());
  CHECK(reader.u8() == 0);
}

TEST_CASE("ByteReader: an inner block never reaches past its parent", "[core]") {
  const std::array<std::uint8_t, 4> bytes{5, 1, 2, 3};
  ByteReader reader{bytes};
  ByteReader inner = reader.block_u8();
  CHECK_FALSE(inner.ok());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("ByteWriter: lengths filled in later are read back", "[core]") {
  ByteWriter writer;
  const auto place = writer.reserve_length(3);
  writer.u16(0xabcd);
  writer.u64(0x0102030405060708);
  writer.fill_length(place, 3);
  ByteReader reader{writer.view()};
  ByteReader inner = reader.block_u24();
  CHECK(inner.remaining() == 10);
  CHECK(inner.u16() == 0xabcd);
  CHECK(inner.u32() == 0x01020304);
  CHECK(reader.empty());
}
