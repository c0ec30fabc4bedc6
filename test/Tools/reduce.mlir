// The reducer knows the dialect: it keeps what the test script asks for, and
// drops the rest of the module.

// RUN: linattn-reduce %s --reduction-tree='traversal-mode=0 test=%S/Inputs/has-steps.sh' 2>/dev/null \
// RUN:   | FileCheck %s

// CHECK-NOT: @unrelated
// CHECK: func.func @culprit
// CHECK: linattn.step {{.*}}value_decay
// CHECK-NOT: @unrelated

func.func @unrelated(%q: tensor<1x?x2x8xf32>, %o: tensor<1x?x2x8xf32>) {
  %0 = linattn.attention
      ins(%q, %q, %q : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      outs(%o : tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32>
  return
}

func.func @culprit(%q: memref<1x2x8xf32>, %g: memref<2xf32>, %o: memref<1x2x8xf32>,
                   %s: memref<1x2x8x8xf32>) {
  linattn.step ins(%q, %q, %q : memref<1x2x8xf32>, memref<1x2x8xf32>, memref<1x2x8xf32>)
      value_decay(%g : memref<2xf32>)
      outs(%o, %s : memref<1x2x8xf32>, memref<1x2x8x8xf32>)
  return
}

func.func @unrelated_too() -> tensor<4xf32> {
  %g = linattn.slopes <released> layer 0 of 1 : tensor<4xf32>
  return %g : tensor<4xf32>
}
