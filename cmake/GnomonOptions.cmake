# Every target of ours links gnomon_options; nothing of it leaks into what we include.
add_library(gnomon_options INTERFACE)
target_include_directories(gnomon_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(gnomon_options INTERFACE _GLIBCXX_ASSERTIONS
                                                    GNOMON_VERSION="${PROJECT_VERSION}")
target_compile_options(gnomon_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -fstack-protector-strong)
if(GNOMON_WERROR)
  target_compile_options(gnomon_options INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Optimised g++ 12 warns falsely inside std::vector.
    target_compile_options(gnomon_options INTERFACE
      -Wno-error=stringop-overflow -Wno-error=stringop-overread -Wno-error=array-bounds
      -Wno-error=maybe-uninitialized)
  endif()
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(gnomon_options INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(gnomon_options INTERFACE -Wl,-z,relro,-z,now)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

if(GNOMON_SANITIZE)
  # Set for everything, also for what we link statically: a half-instrumented TSan program lies.
  add_compile_options(-fsanitize=${GNOMON_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GNOMON_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND GNOMON_SANITIZE MATCHES "undefined")
    # clang 14 cannot emit this check for coroutines ("difference across sections").
    add_compile_options(-fno-sanitize=function)
  endif()
endif()
if(GNOMON_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# The fastest linker and a compiler cache, where present.
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the tree count as relative ones, so that every clone shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
