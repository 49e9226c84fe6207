# SPDX-License-Identifier: Apache-2.0
# Run by weir_embed_sql: writes ${STEM}.h and ${STEM}.cc from ${SCRIPTS} (NNNN_name.sql, sorted).
string(CONCAT header "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n\n#include <span>\n\n"
       "#include \"drivers/postgres/migrations.h\"\n\nnamespace weir::embedded_sql {\n"
       "std::span<const postgres::Migration> ${LEAF}();\n}  // namespace weir::embedded_sql\n")
string(CONCAT source "// SPDX-License-Identifier: Apache-2.0\n#include \"embedded_sql/${LEAF}.h\"\n\n"
       "#include <array>\n\nnamespace weir::embedded_sql {\nnamespace {\n")

set(rows "")
set(count 0)
set(last 0)
foreach(script IN LISTS SCRIPTS)
  cmake_path(GET script STEM LAST_ONLY name)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
    message(FATAL_ERROR "${script}: migrations are named NNNN_name.sql")
  endif()
  set(title ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" number ${CMAKE_MATCH_1})
  if("${number}" STREQUAL "" OR number EQUAL last)
    message(FATAL_ERROR "${script}: numbers start at 0001 and are not used twice")
  endif()
  set(last ${number})
  # As bytes, so that no character of the SQL can end a literal or upset CMake's lists.
  file(READ ${script} hex HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n"
         hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND source "constexpr char kSql${number}[] = {\n${bytes}'\\0'};\n")
  string(APPEND rows
         "    postgres::Migration{${number}, \"${title}\", {kSql${number}, sizeof kSql${number} - 1}},\n")
  math(EXPR count "${count} + 1")
endforeach()

string(APPEND source "constexpr std::array<postgres::Migration, ${count}> kSteps = {\n${rows}};\n"
       "}  // namespace\n\nstd::span<const postgres::Migration> ${LEAF}() { return kSteps; }\n"
       "}  // namespace weir::embedded_sql\n")
file(WRITE ${STEM}.h "${header}")
file(WRITE ${STEM}.cc "${source}")
