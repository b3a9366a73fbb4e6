# One INTERFACE target carries every flag; nothing else sets flags.
set(PHOTOD_SANITIZE "" CACHE STRING "Comma-separated sanitizers, e.g. address,undefined")

add_library(photod_flags INTERFACE)
target_compile_features(photod_flags INTERFACE c_std_17)
target_compile_definitions(photod_flags INTERFACE _GNU_SOURCE)
target_compile_options(photod_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wformat=2 -Wvla
    -Wimplicit-fallthrough -Wundef -Wswitch-enum
    -fno-common -fvisibility=hidden -fstack-protector-strong
    -fstack-clash-protection)
target_link_options(photod_flags INTERFACE
    -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
if(PHOTOD_SANITIZE)
    target_compile_options(photod_flags INTERFACE -fsanitize=${PHOTOD_SANITIZE} -fno-omit-frame-pointer)
    target_compile_definitions(photod_flags INTERFACE PHOTOD_SANITIZED)
    target_link_options(photod_flags INTERFACE -fsanitize=${PHOTOD_SANITIZE})
else()
    target_compile_options(photod_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
