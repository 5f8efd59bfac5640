# One set of warnings for every target of ours, on gcc and clang alike.
add_library(tidal_flags INTERFACE)
target_compile_options(tidal_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough
  -Wdouble-promotion -fno-math-errno -ffp-contract=off)
# gcc 12.2 miscompiles at -O3 with AVX: it zeroes an array of structures as a whole after their
# members were set (tests/unit/signals/ledger_row_test.c shows it).  It is a pass of -O3 alone.
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  target_compile_options(tidal_flags INTERFACE -fno-tree-loop-distribution)
endif()
# gcc sets and copies structs of 33 bytes to 8 KiB by `rep stos` and `rep movs`, which take some 30
# cycles to begin: an event passes a handful of such structs, a tenth of its time.
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  set(_by_words unrolled_loop:512:noalign,libcall:-1:noalign)
  target_compile_options(tidal_flags INTERFACE -mmemset-strategy=${_by_words}
    -mmemcpy-strategy=${_by_words})
endif()
if(TIDAL_PORTABLE)
  target_compile_definitions(tidal_flags INTERFACE TIDAL_PORTABLE)
endif()
if(TIDAL_WERROR)
  target_compile_options(tidal_flags INTERFACE -Werror)
endif()
if(TIDAL_SANITIZE)
  target_compile_options(tidal_flags INTERFACE -fsanitize=${TIDAL_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(tidal_flags INTERFACE -fsanitize=${TIDAL_SANITIZE})
endif()
if(TIDAL_FUZZ)
  target_compile_options(tidal_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(tidal_flags INTERFACE _GNU_SOURCE)
