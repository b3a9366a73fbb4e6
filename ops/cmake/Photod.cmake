# Every executable lands in build/<preset>/bin, so that photod finds its
# children beside itself in the build tree as it does when installed.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# photod_library(name SOURCES ... LINKS ... PUBLIC_LINKS ...)
function(photod_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;PUBLIC_LINKS")
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE photod_flags ${arg_LINKS} PUBLIC ${arg_PUBLIC_LINKS})
endfunction()

# photod_process(name SOURCES ... LINKS ... FORBIDS regex NEEDS lib ...)
#   FORBIDS: no symbol the linked executable refers to may match.
#   NEEDS:   the only libraries it may name in DT_NEEDED (without lib and .so.N).
function(photod_process name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FORBIDS" "SOURCES;LINKS;NEEDS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE photod_flags ${arg_LINKS})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/photod COMPONENT photod)
    if(BUILD_TESTING)
        photod_boundary_test(${name} "${arg_FORBIDS}" "${arg_NEEDS}")
    endif()
endfunction()

# Judged on builds without sanitizers, whose run time refers to nearly everything.
function(photod_boundary_test name forbids needs)
    set(check ${PROJECT_SOURCE_DIR}/tests/static)
    if(PHOTOD_SANITIZE)
        return()
    endif()
    add_test(NAME static.symbols.${name}
        COMMAND ${check}/forbid_symbols.sh ${CMAKE_NM} $<TARGET_FILE:${name}> "${forbids}")
    add_test(NAME static.needed.${name}
        COMMAND ${check}/allow_needed.sh ${CMAKE_READELF} $<TARGET_FILE:${name}> ${needs})
    set_tests_properties(static.symbols.${name} static.needed.${name} PROPERTIES LABELS static TIMEOUT 30)
endfunction()

# photod_test(label name SOURCES ... LINKS ...): a Check suite.
function(photod_test label name)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "SOURCES;LINKS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE photod_flags ${arg_LINKS} PkgConfig::check Threads::Threads)
    add_test(NAME ${label}.${name} COMMAND ${name})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT ${arg_TIMEOUT})
endfunction()

# photod_fuzz_target(name LINKS ...): tests/fuzz/fuzz_<name>.c as libFuzzer's in the fuzz preset; in every other
# build as a test that replays its corpus.
set(PHOTOD_FUZZ OFF CACHE BOOL "Build the fuzz targets for libFuzzer (clang)")
function(photod_fuzz_target name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS")
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    add_executable(fuzz_${name} fuzz/fuzz_${name}.c $<$<NOT:$<BOOL:${PHOTOD_FUZZ}>>:fuzz/replay.c>)
    target_link_libraries(fuzz_${name} PRIVATE photod_flags ${arg_LINKS})
    if(PHOTOD_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${corpus})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()
