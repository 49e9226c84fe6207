# SPDX-License-Identifier: Apache-2.0
include(unity)

function(weir_target target)
  target_compile_options(${target} PRIVATE ${WEIR_WARNINGS})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
endfunction()

# weir_library(NAME [PUBLIC libs...] [PRIVATE libs...]): the static library of this folder's sources.
function(weir_library name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc *.h)
  add_library(${name} STATIC ${sources})
  weir_target(${name})
  weir_unity(${name})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# What the sanitizer presets build: the tests of the floors, without the whole program.
add_custom_target(tests_of_floors)

# weir_test(NAME LABEL label [LINKS libs...] [SOURCES files...] [TIMEOUT s] [LONG suite=seconds...]): one binary, one
# ctest test a suite. ctest starts the longest first, so that no core waits at the end: LONG names those that take more
# than a few seconds.
function(weir_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LINKS;SOURCES;LONG" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS *.cc *.h)
  endif()
  if(NOT ARG_SOURCES)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  weir_target(${name})
  weir_unity(${name})
  # What is tested is optimised; the test itself compiles in half the time without.
  target_compile_options(${name} PRIVATE "$<$<CONFIG:Debug>:-O0;-U_FORTIFY_SOURCE>")
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             WEIR_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(ARG_LABEL MATCHES "^(unit|conformance)$")
    add_dependencies(tests_of_floors ${name})
  endif()
  set(cost 1)
  if(NOT ARG_LABEL STREQUAL unit)
    set(cost 4) # it starts a PostgreSQL
  endif()
  list(JOIN ARG_LONG "," long)
  # MALLOC_ARENA_MAX as weir itself: server/process_memory.h says why.
  set(listing ${CMAKE_CURRENT_BINARY_DIR}/${name}_suites.cmake)
  add_custom_command(
    TARGET ${name} POST_BUILD
    COMMAND
      ${CMAKE_COMMAND} -D BINARY=$<TARGET_FILE:${name}> -D PREFIX=${ARG_LABEL}. -D OUTPUT=${listing} -D
      LONG=${long} -D COST=${cost} -D
      "PROPERTIES=LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT MALLOC_ARENA_MAX=2 SKIP_REGULAR_EXPRESSION [==[\\[  SKIPPED \\]]==]"
      -P ${CMAKE_SOURCE_DIR}/cmake/discover_suites.cmake
    BYPRODUCTS ${listing}
    VERBATIM)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_include.cmake
       "if(EXISTS ${listing})\n  include(${listing})\nelse()\n"
       "  add_test(${name}_NOT_BUILT ${name}_NOT_BUILT)\n"
       "  set_tests_properties(${name}_NOT_BUILT PROPERTIES LABELS ${ARG_LABEL})\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}_include.cmake)
endfunction()

# weir_pytest(NAME COST seconds [TIMEOUT s] [SERIAL] [FILES arguments...]): a suite in Python, one ctest
# test. It takes Debian's interpreter, because python3-grpcio is made for that one, and starts the built program. COST
# is about what it takes, for ctest's order; SERIAL lets nothing run beside it. A test that hangs tells where after half
# of TIMEOUT; shortly before its end the suite is interrupted, so that it tells what failed until then.
function(weir_pytest name)
  cmake_parse_arguments(ARG "SERIAL" "COST;TIMEOUT" "FILES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  math(EXPR hangs_after "${ARG_TIMEOUT} / 2")
  math(EXPR interrupted_after "${ARG_TIMEOUT} - 20")
  add_test(NAME ${name}
           COMMAND timeout --foreground --signal=INT ${interrupted_after} /usr/bin/python3 -m pytest
                   -p no:cacheprovider -q -ra -o faulthandler_timeout=${hangs_after} ${ARG_FILES}
           WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set(environment WEIR_BINARY=${CMAKE_BINARY_DIR}/bin/weir WEIR_STUBS_DIR=${CMAKE_BINARY_DIR}/stubs
                  PYTHONDONTWRITEBYTECODE=1)
  set_tests_properties(${name} PROPERTIES LABELS e2e TIMEOUT ${ARG_TIMEOUT} COST ${ARG_COST}
                                          RUN_SERIAL ${ARG_SERIAL} ENVIRONMENT "${environment}")
endfunction()

# All libFuzzer targets.
add_custom_target(fuzzers)

# weir_fuzz(NAME SOURCES files... LINKS libs...): a libFuzzer target. It is named fuzz_<what>, and its
# corpus is the folder of that name in tests/fuzz/corpus/.
function(weir_fuzz name)
  cmake_parse_arguments(ARG "" "" "LINKS;SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  weir_target(${name})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${name})
endfunction()
