# BLAKE3: the official C sources, as Debian ships them (package librust-blake3-dev), built as a
# target of ours and never copied.  A system libblake3 with a CMake package wins where there is one.
find_package(BLAKE3 QUIET CONFIG)
if(TARGET BLAKE3::blake3)
  add_library(blake3 ALIAS BLAKE3::blake3)
  return()
endif()

file(GLOB _blake3_hints /usr/share/cargo/registry/blake3-*/c)
find_path(BLAKE3_SOURCE_DIR NAMES blake3.h HINTS ${_blake3_hints} NO_CACHE)
if(NOT BLAKE3_SOURCE_DIR)
  message(FATAL_ERROR "BLAKE3's C sources were not found. Install the Debian package "
    "librust-blake3-dev (scripts/setup.sh does), or set BLAKE3_SOURCE_DIR to the folder of "
    "blake3.h.")
endif()

set(_blake3 ${BLAKE3_SOURCE_DIR})
add_library(blake3 STATIC ${_blake3}/blake3.c ${_blake3}/blake3_dispatch.c
  ${_blake3}/blake3_portable.c)
if(TIDAL_PORTABLE)
  target_compile_definitions(blake3 PRIVATE BLAKE3_NO_SSE2 BLAKE3_NO_SSE41 BLAKE3_NO_AVX2
    BLAKE3_NO_AVX512 BLAKE3_USE_NEON=0)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_sources(blake3 PRIVATE ${_blake3}/blake3_sse2_x86-64_unix.S
    ${_blake3}/blake3_sse41_x86-64_unix.S ${_blake3}/blake3_avx2_x86-64_unix.S
    ${_blake3}/blake3_avx512_x86-64_unix.S)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  target_sources(blake3 PRIVATE ${_blake3}/blake3_neon.c)
  target_compile_definitions(blake3 PRIVATE BLAKE3_USE_NEON=1)
endif()
target_include_directories(blake3 SYSTEM PUBLIC ${_blake3})
