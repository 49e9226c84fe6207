# SPDX-License-Identifier: Apache-2.0
# weir_embed_sql(TARGET FOLDER): turns FOLDER/NNNN_name.sql (FOLDER from the top of the source tree, for
# example migrations/dagmanager) into a source of TARGET. With `leaf` the last part of FOLDER, code says
#
#   #include <embedded_sql/<leaf>.h>
#   std::span<const weir::postgres::Migration> steps = weir::embedded_sql::<leaf>();
#
# TARGET must link weir_postgres. A file added, removed or edited is noticed by the next build.
# The target embedded_sql makes all of these sources and compiles none.
add_custom_target(embedded_sql)

function(weir_embed_sql target folder)
  cmake_path(GET folder FILENAME leaf)
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.sql)
  list(SORT scripts)
  set(include_dir ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  set(stem ${include_dir}/embedded_sql/${leaf})
  add_custom_command(
    OUTPUT ${stem}.cc ${stem}.h
    COMMAND ${CMAKE_COMMAND} "-DSCRIPTS=${scripts}" -DSTEM=${stem} -DLEAF=${leaf} -P
            ${CMAKE_SOURCE_DIR}/cmake/embed_sql_generate.cmake
    DEPENDS ${scripts} ${CMAKE_SOURCE_DIR}/cmake/embed_sql_generate.cmake
    COMMENT "Embedding ${folder}"
    VERBATIM)
  add_custom_target(embedded_sql_${leaf} DEPENDS ${stem}.cc ${stem}.h)
  add_dependencies(embedded_sql embedded_sql_${leaf})
  add_dependencies(${target} embedded_sql_${leaf})
  target_sources(${target} PRIVATE ${stem}.cc ${stem}.h)
  target_include_directories(${target} PRIVATE ${include_dir})
endfunction()
