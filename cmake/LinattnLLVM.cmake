# Finds LLVM and MLIR, takes over their build rules, and defines the helpers
# that every target of the project uses.

# The version file of MLIR wants major.minor: this is the one pin.
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "linattn: MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
message(STATUS "linattn: LLVM tools in ${LLVM_TOOLS_BINARY_DIR}")

set(LLVM_RUNTIME_OUTPUT_INTDIR ${PROJECT_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${PROJECT_BINARY_DIR}/lib)
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR})
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")

# Installed tools find Debian's libMLIR and libLLVM.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib" ${LLVM_LIBRARY_DIRS})

# One shared libMLIR for every tool and plugin: MLIRConfig.cmake leaves this
# off, which would link a second copy of MLIR into each of them.
set(MLIR_LINK_MLIR_DYLIB ON)

find_program(LLVM_EXTERNAL_LIT NAMES llvm-lit lit NAMES_PER_DIR
  HINTS ${LLVM_TOOLS_BINARY_DIR})
set(LLVM_LIT_ARGS "-sv" CACHE STRING "Arguments that lit is called with")

include(MLIRSharedCAPI)
include(GNUInstallDirs)
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${LLVM_DEFINITIONS_LIST})
# What LLVM_USE_SANITIZER=Undefined adds. Only LLVM's own tree sets it: left
# empty, the sanitizer would silently be off. Without `vptr` and `function`,
# which need the type information of an instrumented MLIR.
if(NOT LLVM_UBSAN_FLAGS)
  set(LLVM_UBSAN_FLAGS
    "-fsanitize=undefined -fno-sanitize=vptr,function -fno-sanitize-recover=all")
endif()
include(HandleLLVMOptions)
if(LLVM_USE_SANITIZER MATCHES "Undefined" AND
   NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=[^ ]*undefined")
  message(FATAL_ERROR "LLVM_USE_SANITIZER is ${LLVM_USE_SANITIZER}, but the "
    "flags of the compiler do not have -fsanitize=undefined: ${CMAKE_CXX_FLAGS}")
endif()

if(LINATTN_ENABLE_WERROR)
  add_compile_options(-Wall -Wextra -Werror -Wno-unused-parameter)
endif()

# Precompiles the MLIR headers for `target`: parsing them is most of the time
# that one file takes to compile.
function(linattn_precompile target)
  if(NOT LINATTN_ENABLE_PCH)
    return()
  endif()
  if(TARGET obj.${target})
    set(target obj.${target})
  endif()
  # A time stamp in the precompiled header would change with every build of it,
  # and no file compiled with it would ever be found in ccache.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
  # Built once, in the first library, and reused by all others.
  get_property(owner GLOBAL PROPERTY LINATTN_PCH_OWNER)
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    set_property(GLOBAL PROPERTY LINATTN_PCH_OWNER ${target})
    target_precompile_headers(${target} PRIVATE
      ${PROJECT_SOURCE_DIR}/cmake/Precompiled.h)
  endif()
endfunction()

# add_linattn_library(name sources... [TEST_ONLY] [DEPENDS ...] [LINK_LIBS ...]
#                     [MLIR_LIBS ...])
#
# A library of the project: LINK_LIBS are the project's own libraries,
# MLIR_LIBS those that libMLIR.so holds. A TEST_ONLY library is not installed.
function(add_linattn_library name)
  cmake_parse_arguments(ARG "TEST_ONLY" "" "DEPENDS;LINK_LIBS;MLIR_LIBS" ${ARGN})
  if(NOT ARG_TEST_ONLY)
    set_property(GLOBAL APPEND PROPERTY LINATTN_LIBS ${name})
  endif()
  add_mlir_library(${name} ${ARG_UNPARSED_ARGUMENTS}
    EXCLUDE_FROM_LIBMLIR DISABLE_INSTALL
    DEPENDS ${ARG_DEPENDS}
    LINK_LIBS PUBLIC ${ARG_LINK_LIBS})
  mlir_target_link_libraries(${name} PUBLIC MLIRIR ${ARG_MLIR_LIBS})
  linattn_precompile(${name})
endfunction()

# add_linattn_tool(name sources... [SUPPORT_PLUGINS] [LINK_LIBS ...]
#                  [MLIR_LIBS ...])
#
# A program of the project, which is installed. It links everything that the
# project registers.
function(add_linattn_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS;MLIR_LIBS" ${ARGN})
  add_llvm_executable(${name} ${ARG_UNPARSED_ARGUMENTS} DEPENDS mlir-headers)
  llvm_update_compile_flags(${name})
  target_link_libraries(${name} PRIVATE MLIRLinattnRegistration ${ARG_LINK_LIBS})
  mlir_target_link_libraries(${name} PRIVATE ${ARG_MLIR_LIBS})
  linattn_precompile(${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
