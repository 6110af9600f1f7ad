# Third parties, all from the distribution's packages, as SYSTEM targets of one naming scheme:
# gnomon::pcap, ::openssl, ::crypto, ::protobuf_lite, ::boost, ::rocksdb, ::yaml, ::cli11,
# ::spdlog, ::psl, ::idn, ::json, ::curl, ::zstd, ::zlib, ::mustache
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
# Before RocksDB, whose own modules would hide the zstd package's targets.
find_package(zstd CONFIG QUIET)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(spdlog REQUIRED)

function(gnomon_package name)
  add_library(gnomon_${name} INTERFACE)
  target_link_libraries(gnomon_${name} INTERFACE ${ARGN})
  add_library(gnomon::${name} ALIAS gnomon_${name})
endfunction()

foreach(module IN ITEMS libpcap libidn2 libpsl libzstd zlib libcurl yaml-cpp libseccomp)
  string(MAKE_C_IDENTIFIER ${module} id)
  pkg_check_modules(${id} REQUIRED IMPORTED_TARGET ${module})
endforeach()

gnomon_package(pcap PkgConfig::libpcap)
gnomon_package(psl PkgConfig::libpsl)
gnomon_package(idn PkgConfig::libidn2)
gnomon_package(zstd PkgConfig::libzstd)
gnomon_package(zlib PkgConfig::zlib)
gnomon_package(curl PkgConfig::libcurl)
gnomon_package(yaml PkgConfig::yaml_cpp)
gnomon_package(seccomp PkgConfig::libseccomp)
gnomon_package(openssl OpenSSL::SSL OpenSSL::Crypto)
gnomon_package(crypto OpenSSL::Crypto)
gnomon_package(protobuf_lite protobuf::libprotobuf-lite)
# Asio and Beast are compiled once, in core/net/asio_impl.cc and collector/http/beast_impl.cc.
gnomon_package(boost Boost::boost Threads::Threads)
target_compile_definitions(gnomon_boost INTERFACE BOOST_ASIO_SEPARATE_COMPILATION
                                                  BOOST_BEAST_SEPARATE_COMPILATION
                                                  BOOST_ASIO_NO_DEPRECATED)
# g++ 12 takes Asio's coroutine frame allocator for a mismatched pair.
target_compile_options(gnomon_boost INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
gnomon_package(spdlog spdlog::spdlog)
find_package(nlohmann_json REQUIRED)
gnomon_package(json nlohmann_json::nlohmann_json)
find_package(CLI11 REQUIRED)
gnomon_package(cli11 CLI11::CLI11)
if(GNOMON_COLLECTOR)
  find_package(RocksDB REQUIRED)
  gnomon_package(rocksdb RocksDB::rocksdb-shared)
endif()
