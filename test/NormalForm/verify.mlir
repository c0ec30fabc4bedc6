// RUN: linattn-opt %s --linattn-verify-normal-form | FileCheck %s
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline | linattn-opt --linattn-verify-normal-form
// What the front end makes is in the normal form, whatever the decay.
// RUN: linattn-opt %linattn_src/examples/tnl_mixer.mlir --linattn-to-normal-form-pipeline | linattn-opt --linattn-verify-normal-form
// RUN: linattn-opt %linattn_src/examples/hgrn2_mixer.mlir --linattn-to-normal-form-pipeline | linattn-opt --linattn-verify-normal-form
// RUN: linattn-opt %linattn_src/examples/decode.mlir --linattn-to-normal-form-pipeline | linattn-opt --linattn-verify-normal-form

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>

// The change is none: the pass only checks.
// CHECK-LABEL: func @kernel
func.func @kernel(%x: tensor<?x16xbf16>, %s0: tensor<8x8xf32>) -> (tensor<?x16xf32>, f32) {
  // NF1: glue.
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %zero16 = arith.constant 0.0 : bf16
  %n = tensor.dim %x, %c0 : tensor<?x16xbf16>
  %positive = arith.cmpi sge, %n, %c1 : index
  cf.assert %positive, "expected rows"
  %empty = tensor.empty(%n) : tensor<?x16xf32>
  %total = tensor.empty() : tensor<2xf32>
  %tiles = arith.ceildivui %n, %c8 : index
  // NF2: a kernel.
  // CHECK: scf.forall
  %y:2 = scf.forall (%h) in (2) shared_outs(%out = %empty, %sums = %total) -> (tensor<?x16xf32>, tensor<2xf32>) {
    %column = arith.muli %h, %c8 : index
    %rows = tensor.extract_slice %out[0, %column] [%n, 8] [1, 1] : tensor<?x16xf32> to tensor<?x8xf32>
    // NF3: a carried loop, with a tile and a part of the output.
    // CHECK: scf.for
    %r:2 = scf.for %t = %c0 to %tiles step %c1 iter_args(%state = %s0, %acc = %rows) -> (tensor<8x8xf32>, tensor<?x8xf32>) {
      %start = arith.muli %t, %c8 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minsi %left, %c8 : index
      %rest = arith.subi %c8, %valid : index
      // NF4: a padded tile.
      %slice = tensor.extract_slice %x[%start, %column] [%valid, 8] [1, 1] : tensor<?x16xbf16> to tensor<?x8xbf16>
      %tile = tensor.pad %slice low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %zero16 : bf16
      } : tensor<?x8xbf16> to tensor<8x8xbf16>
      %square = tensor.empty() : tensor<8x8xf32>
      %init = linalg.fill ins(%zero : f32) outs(%square : tensor<8x8xf32>) -> tensor<8x8xf32>
      // NF5: a contraction of different element types.
      %a = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%tile, %state : tensor<8x8xbf16>, tensor<8x8xf32>) outs(%init : tensor<8x8xf32>) {
      ^bb0(%p: bf16, %q: f32, %z: f32):
        %w = arith.extf %p : bf16 to f32
        %m = arith.mulf %w, %q : f32
        %s = arith.addf %z, %m : f32
        linalg.yield %s : f32
      } -> tensor<8x8xf32>
      // A reduction, a guard on it, and a map in each branch.
      %line = tensor.empty() : tensor<8xf32>
      %low = linalg.fill ins(%zero : f32) outs(%line : tensor<8xf32>) -> tensor<8xf32>
      %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
          ins(%a : tensor<8x8xf32>) outs(%low : tensor<8xf32>) {
      ^bb0(%p: f32, %z: f32):
        %m = arith.maximumf %p, %z : f32
        linalg.yield %m : f32
      } -> tensor<8xf32>
      %first = tensor.extract %max[%c0] : tensor<8xf32>
      %guard = arith.cmpf olt, %first, %zero : f32
      %next = scf.if %guard -> tensor<8x8xf32> {
        scf.yield %a : tensor<8x8xf32>
      } else {
        // A scan: running sums of rows.
        %scan = scf.for %i = %c1 to %c8 step %c1 iter_args(%carried = %a) -> tensor<8x8xf32> {
          %before = arith.subi %i, %c1 : index
          %previous = tensor.extract_slice %carried[%before, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
          %current = tensor.extract_slice %carried[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
          %sum = linalg.add ins(%previous, %current : tensor<8xf32>, tensor<8xf32>) outs(%line : tensor<8xf32>) -> tensor<8xf32>
          %inserted = tensor.insert_slice %sum into %carried[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<8x8xf32>
          scf.yield %inserted : tensor<8x8xf32>
        }
        scf.yield %scan : tensor<8x8xf32>
      }
      %real = tensor.extract_slice %next[0, 0] [%valid, 8] [1, 1] : tensor<8x8xf32> to tensor<?x8xf32>
      %filled = tensor.insert_slice %real into %acc[%start, 0] [%valid, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
      scf.yield %next, %filled : tensor<8x8xf32>, tensor<?x8xf32>
    }
    %corner = tensor.extract_slice %r#0[0, 0] [1, 1] [1, 1] : tensor<8x8xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %r#1 into %out[0, %column] [%n, 8] [1, 1] : tensor<?x8xf32> into tensor<?x16xf32>
      tensor.parallel_insert_slice %corner into %sums[%h] [1] [1] : tensor<1xf32> into tensor<2xf32>
    }
  }
  %sum = tensor.extract %y#1[%c0] : tensor<2xf32>
  return %y#0, %sum : tensor<?x16xf32>, f32
}

// NF2: a kernel of one iteration, as canonicalization leaves it, and the choice
// of a tensor.
// CHECK-LABEL: func @one_iteration
func.func @one_iteration(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %acc: tensor<8x16xf32>, %b: i1) -> tensor<8x16xf32> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x16xf32>
  %rest = arith.subi %c8, %n : index
  %tile = tensor.pad %x low[0, 0] high[%rest, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<?x16xf32> to tensor<8x16xf32>
  %0 = linalg.matmul ins(%tile, %w : tensor<8x16xf32>, tensor<16x16xf32>) outs(%acc : tensor<8x16xf32>) -> tensor<8x16xf32>
  %1 = arith.select %b, %0, %tile : tensor<8x16xf32>
  return %1 : tensor<8x16xf32>
}
