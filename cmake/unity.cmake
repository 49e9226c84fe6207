# SPDX-License-Identifier: Apache-2.0
# Unity builds: sources of one folder are compiled several at a time, which costs a third of the work. On in all
# presets but dev, where one changed source is one source to compile, and a missing include is seen.
option(WEIR_UNITY "Compile the sources of a folder several at a time" OFF)
set(WEIR_UNITY_BATCH 16)

# Sources whose file-local names clash with a neighbour's, or which include headers full of macros, are compiled
# apart, and so is what purity_test names, and what is generated. A redefinition that only these presets report is
# mended here, by another name, or by giving the twice-defined thing one place.
set(WEIR_UNITY_APART
    src/base/crash_point.cc
    src/cli/console/text_file.cc
    src/dagmanager/ports/postgres_graph_commit.cc
    src/server/log_line.cc
    tests/unit/base/canonical_number_test.cc
    tests/unit/dagmanager/core/diff_change_test.cc
    tests/unit/dagmanager/core/diff_planner_test.cc)

# A name that shadows a neighbour's file-local one is no fault, nor is a class with a member of a file-local type;
# dev looks for those that are. With so much to inline, g++ 12 takes the unset side of a std::expected for read:
# what is read unset is clang's and the sanitizers' to find.
if(WEIR_UNITY)
  list(APPEND WEIR_WARNINGS -Wno-shadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(APPEND WEIR_WARNINGS -Wno-subobject-linkage -Wno-maybe-uninitialized)
  endif()
endif()

# weir_unity(TARGET): as the option says, with all sources that the target has at the end of its folder.
function(weir_unity target)
  if(WEIR_UNITY)
    cmake_language(EVAL CODE "cmake_language(DEFER CALL weir_unity_of ${target})")
  endif()
endfunction()

function(weir_unity_of target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${WEIR_UNITY_BATCH})
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    set(path ${source})
    cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
    if(path IN_LIST WEIR_UNITY_APART OR path MATCHES "^(build|\\.\\.)/")
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()
