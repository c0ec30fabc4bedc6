// RUN: linattn-opt %s --linattn-emit-c-interface --verify-diagnostics

// expected-error @+1 {{expected entry function 'alone' to have functions that compute sizes}}
llvm.func @alone() -> !llvm.ptr attributes {linattn.interface = {arguments = [], inplace = array<i64>, results = []}} {
  %null = llvm.mlir.zero : !llvm.ptr
  llvm.return %null : !llvm.ptr
}
