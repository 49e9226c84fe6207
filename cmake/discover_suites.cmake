# SPDX-License-Identifier: Apache-2.0
# cmake -D BINARY=path -D PREFIX=text -D PROPERTIES=list -D OUTPUT=file -P discover_suites.cmake
# Asks a GoogleTest binary for its suites and writes one ctest test for each. A suite is one process, so that its
# tests share what is dear to start: a PostgreSQL, a sanitizer.
execute_process(COMMAND ${BINARY} --gtest_list_tests OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\.( [^\n]*)?" suites "${listing}")
if(NOT suites)
  message(FATAL_ERROR "${BINARY} lists no tests")
endif()
set(script "")
foreach(line ${suites})
  string(REGEX REPLACE "^\n?([A-Za-z0-9_/]+)\\..*" "\\1" suite "${line}")
  string(APPEND script "add_test([==[${PREFIX}${suite}]==] [==[${BINARY}]==] [==[--gtest_filter=${suite}.*]==])\n"
                       "set_tests_properties([==[${PREFIX}${suite}]==] PROPERTIES ${PROPERTIES})\n")
endforeach()
file(WRITE ${OUTPUT} "${script}")
