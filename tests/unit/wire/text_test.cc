#include "core/wire/text.h"

#include "tests/support/catch.h"

namespace gnomon::wire {
namespace {

TEST_CASE("Text: printable UTF-8 passes, control characters and broken forms do not",
          "[core][wire]") {
  CHECK(is_printable(""));
  CHECK(is_printable("Zürich, 日本, 🙂, 'quoted'"));
  CHECK_FALSE(is_printable("a\tb"));
  CHECK_FALSE(is_printable("a\x7f"));
  CHECK_FALSE(is_printable("\xc2\x85"));          // U+0085, a control character
  CHECK_FALSE(is_printable("\xc0\xaf"));          // overlong '/'
  CHECK_FALSE(is_printable("\xe0\x80\xaf"));      // overlong in three bytes
  CHECK_FALSE(is_printable("\xed\xa0\x80"));      // a surrogate
  CHECK_FALSE(is_printable("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  CHECK_FALSE(is_printable("\xe2\x82"));          // cut off
}

TEST_CASE("Text: clipping ends between two characters", "[core][wire]") {
  CHECK(clip_text("Zürich", 1) == "Z");
  CHECK(clip_text("Zürich", 2) == "Z");
  CHECK(clip_text("Zürich", 3) == "Zü");
  CHECK(clip_text("Zürich", 100) == "Zürich");
  CHECK(clip_text("\xff", 10).empty());
}

}  // namespace
}  // namespace gnomon::wire
