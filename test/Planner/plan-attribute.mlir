// A plan on a kernel takes the place of what would be chosen, and of options; the
// tile program says what it was placed by.
//
// RUN: linattn-opt %s --split-input-file --verify-diagnostics --linattn-normal-form-to-tile-pipeline="stages=4" | FileCheck %s

// CHECK: tile.kernel @given_0
// CHECK-SAME: warpgroups 2 attributes {tile.plan = #tile.plan<groups = 1, column_blocks = 1, stages = 3, early = false, state_first = true, publish_first = false, recompute = false, share_operands = false>}
// CHECK: tile.alloc : !tile.shared<3, 64, 64, bf16>
// CHECK: tile.kernel @chosen_0
// CHECK-SAME: warpgroups 2 attributes {tile.plan = #tile.plan<groups = 1, column_blocks = 1, stages = 4, early = false, state_first = false, publish_first = false, recompute = false, share_operands = false>}
// CHECK: tile.alloc : !tile.shared<4, 64, 64, bf16>
#rows = affine_map<(m, n, k) -> (k, m)>
#columns = affine_map<(m, n, k) -> (k, n)>
#result = affine_map<(m, n, k) -> (m, n)>
func.func @given(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [#rows, #columns, #result]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  } {tile.plan = #tile.plan<groups = 1, column_blocks = 1, stages = 3, early = false, state_first = true, publish_first = false, recompute = false, share_operands = false>}
  return %r : tensor<8x64x64xf32>
}
func.func @chosen(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [#rows, #columns, #result]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

#rows = affine_map<(m, n, k) -> (k, m)>
#columns = affine_map<(m, n, k) -> (k, n)>
#result = affine_map<(m, n, k) -> (m, n)>
func.func @groups(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{has to be shared by 1 warpgroups, but its plan has 2}}
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [#rows, #columns, #result]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  } {tile.plan = #tile.plan<groups = 2, column_blocks = 1, stages = 3, early = false, state_first = true, publish_first = false, recompute = false, share_operands = false>}
  return %r : tensor<8x64x64xf32>
}

// -----

// expected-error @below {{expects `stages` from 1 to 64, but got 0}}
func.func private @stages() attributes {p = #tile.plan<groups = 2, column_blocks = 1, stages = 0, early = false, state_first = true, publish_first = false, recompute = false, share_operands = false>}
