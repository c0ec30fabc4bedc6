# The archives of MLIR's C API are not in libMLIR.so and ask for static
# libraries of MLIR: give them the shared one, which holds the same, so that no
# program gets two copies of MLIR.
foreach(library MLIRCAPIFunc MLIRCAPIIR MLIRCAPITransforms)
  set_property(TARGET ${library} PROPERTY INTERFACE_LINK_LIBRARIES MLIR LLVM)
endforeach()
