// What cannot be put into an artifact.
// RUN: split-file %s %t
// RUN: not linattn-compile %t/private.mlir -o %t/x.lna 2>&1 | FileCheck %s --check-prefix=PRIVATE
// RUN: not linattn-compile %t/vector.mlir -o %t/x.lna 2>&1 | FileCheck %s --check-prefix=VECTOR
// RUN: not linattn-compile %t/private.mlir --emit=artifact 2>&1 | FileCheck %s --check-prefix=OUTPUT
// RUN: not ls %t/x.lna

//--- private.mlir
// PRIVATE: error: expected a public function to put into the artifact, but got none
// OUTPUT: error: expected -o with the name of the artifact
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

//--- vector.mlir
// VECTOR: error: function 'f' cannot be called through the C ABI: argument 0
func.func @f(%x: vector<4xf32>) {
  return
}
