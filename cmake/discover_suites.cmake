# SPDX-License-Identifier: Apache-2.0
# cmake -D BINARY=path -D PREFIX=text -D PROPERTIES=list -D COST=seconds -D LONG=suite=seconds,... -D OUTPUT=file -P
# discover_suites.cmake
# A suite named Kafka/... needs the brokers of the fixture kafka, one named KafkaSasl/... that of kafka-sasl, and each
# has them for itself.
# Asks a GoogleTest binary for its suites and writes one ctest test for each. A suite is one process, so that its
# tests share what is dear to start: a PostgreSQL, a sanitizer.
execute_process(COMMAND ${BINARY} --gtest_list_tests OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\.( [^\n]*)?" suites "${listing}")
if(NOT suites)
  message(FATAL_ERROR "${BINARY} lists no tests")
endif()
set(script "")
string(REPLACE "," ";" LONG "${LONG}")
foreach(line ${suites})
  string(REGEX REPLACE "^\n?([A-Za-z0-9_/]+)\\..*" "\\1" suite "${line}")
  set(cost ${COST})
  foreach(long IN LISTS LONG)
    if(long MATCHES "^(.+)=([0-9]+)$" AND CMAKE_MATCH_1 STREQUAL suite)
      set(cost ${CMAKE_MATCH_2})
      list(REMOVE_ITEM LONG ${long})
    endif()
  endforeach()
  set(fixture "")
  if(suite MATCHES "^Kafka/")
    set(fixture "FIXTURES_REQUIRED kafka RESOURCE_LOCK kafka")
  elseif(suite MATCHES "^KafkaSasl/")
    set(fixture "FIXTURES_REQUIRED kafka-sasl RESOURCE_LOCK kafka-sasl")
  endif()
  string(APPEND script "add_test([==[${PREFIX}${suite}]==] [==[${BINARY}]==] [==[--gtest_filter=${suite}.*]==])\n"
                       "set_tests_properties([==[${PREFIX}${suite}]==] PROPERTIES COST ${cost} ${fixture} ${PROPERTIES})\n")
endforeach()
if(LONG)
  message(FATAL_ERROR "${BINARY} has no suites ${LONG}")
endif()
file(WRITE ${OUTPUT} "${script}")
