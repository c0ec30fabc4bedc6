// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline | FileCheck %s
// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline --tile-allocate-shared --tile-verify

// A kernel without a loop over chunks: a thread has four columns of the matrix
// and goes over some of its rows, many at once. All loads of a group come before
// its stores.
// CHECK-LABEL: func.func @update
// CHECK: tile.launch @update_0 blocks(%{{.*}}) ins(%{{.*}}) outs(%{{.*}} : tensor<?x64x64xf32>, tensor<?x64xf16>)

// CHECK-LABEL: tile.kernel @update_0
// CHECK-SAME: warpgroups 1 attributes {tile.resident_blocks = 4 : i64}
// CHECK-DAG: %[[GROUPS:.*]] = arith.constant 16 : i32
// CHECK-DAG: %[[BITS:.*]] = arith.constant 15 : i64
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[COLUMNS:.*]] = arith.constant 4 : i32
// CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
// Whether the matrix is aligned, and its rows have no gaps, is known here.
// CHECK: llvm.ptrtoint
// CHECK: arith.andi %{{.*}}, %[[BITS]] : i64
// CHECK: arith.subi %{{.*}}, %[[ONE]] : i64
// CHECK: llvm.ptrtoint
// CHECK: %[[SUMS:.*]] = tile.alloc : !tile.shared_vector<1, 512>
// CHECK: %[[FITS:.*]] = arith.cmpi eq
// CHECK: scf.if %[[FITS]]
// CHECK: %[[PART:.*]] = arith.divui %[[THREAD]], %[[GROUPS]]
// CHECK: %[[GROUP:.*]] = arith.remui %[[THREAD]], %[[GROUPS]]
// CHECK: %[[LANE:.*]] = arith.muli %[[GROUP]], %[[COLUMNS]]
// What does not depend on the row is loaded once.
// CHECK-COUNT-4: llvm.load %{{.*}} : !llvm.ptr<1> -> f16
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK-NOT: llvm.load
// CHECK-COUNT-8: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT: llvm.store
// The sums of all parts of the rows, and one after the other of them.
// CHECK: %[[PLACE:.*]] = arith.muli %[[THREAD]], %[[COLUMNS]]
// CHECK: tile.store_element %{{.*}} to %[[SUMS]][%[[PLACE]]]
// CHECK-COUNT-3: tile.store_element %{{.*}} to %[[SUMS]]
// CHECK-NEXT: tile.sync %{{.*}} warpgroups 1
// CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[THREAD]]
// CHECK: scf.if %[[EXISTS]]
// CHECK: tile.element %[[SUMS]][%[[THREAD]]]
// CHECK-COUNT-7: tile.element %[[SUMS]]
// CHECK: %[[HALF:.*]] = arith.truncf %{{.*}} : f32 to f16
// CHECK: llvm.store %[[HALF]], %{{.*}} : f16, !llvm.ptr<1>
// A thread has one column where the matrix does not fit.
// CHECK: } else {
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f16
// CHECK-COUNT-32: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK-NOT: llvm.load
// CHECK-COUNT-32: llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK-NOT: llvm.store
// CHECK: tile.store_element %{{.*}} to %[[SUMS]][%[[THREAD]]]
// CHECK-NEXT: tile.sync %{{.*}} warpgroups 1

func.func @update(%s: tensor<?x64x64xf32>, %v: tensor<?x64xf16>, %o: tensor<?x64xf16>)
    -> (tensor<?x64xf16>, tensor<?x64x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %b = tensor.dim %s, %c0 : tensor<?x64x64xf32>
  %r:2 = scf.forall (%i) in (%b) shared_outs(%out = %o, %state = %s) -> (tensor<?x64xf16>, tensor<?x64x64xf32>) {
    %m = tensor.extract_slice %state[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xf32> to tensor<64x64xf32>
    %x = tensor.extract_slice %v[%i, 0] [1, 64] [1, 1] : tensor<?x64xf16> to tensor<64xf16>
    %n = linalg.generic {indexing_maps = [affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<64xf16>) outs(%m : tensor<64x64xf32>) {
    ^bb0(%in: f16, %acc: f32):
      %wide = arith.extf %in : f16 to f32
      %scaled = arith.mulf %acc, %half : f32
      %sum = arith.addf %scaled, %wide : f32
      linalg.yield %sum : f32
    } -> tensor<64x64xf32>
    %ones = arith.constant dense<1.0> : tensor<64xf32>
    %empty = tensor.empty() : tensor<64xf32>
    %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<64xf32>) -> tensor<64xf32>
    %y = linalg.contract indexing_maps = [affine_map<(c, r) -> (r)>, affine_map<(c, r) -> (r, c)>, affine_map<(c, r) -> (c)>]
        ins(%ones, %n : tensor<64xf32>, tensor<64x64xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
    %slot = tensor.extract_slice %out[%i, 0] [1, 64] [1, 1] : tensor<?x64xf16> to tensor<64xf16>
    %z = linalg.generic {indexing_maps = [affine_map<(c) -> (c)>, affine_map<(c) -> (c)>], iterator_types = ["parallel"]}
        ins(%y : tensor<64xf32>) outs(%slot : tensor<64xf16>) {
    ^bb0(%in: f32, %old: f16):
      %t = arith.truncf %in : f32 to f16
      linalg.yield %t : f16
    } -> tensor<64xf16>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %z into %out[%i, 0] [1, 64] [1, 1] : tensor<64xf16> into tensor<?x64xf16>
      tensor.parallel_insert_slice %n into %state[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<?x64x64xf32>
    }
  }
  return %r#0, %r#1 : tensor<?x64xf16>, tensor<?x64x64xf32>
}
