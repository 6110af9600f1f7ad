// The whole of Beast, compiled once.
#include <boost/beast/src.hpp>
