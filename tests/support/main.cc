// The test runner, compiled once for all test programs.

#ifdef GNOMON_CATCH2_V2
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#else
// Catch2 3 brings its own main in Catch2WithMain; this file only makes the object library whole.
#endif
