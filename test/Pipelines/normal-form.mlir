// RUN: linattn-opt %s --linattn-to-blocks-pipeline='chunk=32 sub-chunk=8' | FileCheck %s --check-prefixes=CHECK,BLOCKS
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline | FileCheck %s --check-prefixes=CHECK,NORMAL --implicit-check-not='= linattn.'
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline | linattn-opt --linattn-verify-normal-form
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline=recurrence=true | FileCheck %s --check-prefixes=CHECK,TOKENS --implicit-check-not='= linattn.'
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline=c-interface=true | FileCheck %s --check-prefixes=CHECK,SIZES

// Functions that others call are inlined, and what nobody calls is dropped.
// CHECK-NOT: func private @scores
func.func private @scores(%q: tensor<1x?x2x16xf32>, %e: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  %o = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      outs(%e : tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32>
  return %o : tensor<1x?x2x16xf32>
}

// CHECK-LABEL: func.func @f(
// SIZES: linattn.interface
// CHECK: scf.forall
// BLOCKS: linattn.intra {{.*}}sub_chunk = 8{{.*}} tensor<32x16xf32>
// NORMAL: tensor.pad
// NORMAL: linalg.contract
// TOKENS: scf.for {{.*}} step %c1{{.*}} iter_args
// TOKENS-NOT: tensor.pad
// CHECK: return
func.func @f(%q: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<1x?x2x16xf32>
  %e = tensor.empty(%n) : tensor<1x?x2x16xf32>
  %o = func.call @scores(%q, %e) : (tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32>
  return %o : tensor<1x?x2x16xf32>
}

// Elementwise arith on tensors is cut into kernels like any other map.
// CHECK-LABEL: func.func @gate(
// NORMAL: scf.forall
// NORMAL: linalg.generic
// NORMAL: arith.mulf {{.*}} : f32
// CHECK: return
// SIZES: func.func private @f.sizes
func.func @gate(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = arith.mulf %x, %y : tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
