// RUN: linattn-opt %s --linattn-vectorize-tiles | FileCheck %s
// RUN: linattn-opt %s --linattn-vectorize-tiles='vector-bits=512 vector-registers=32' | FileCheck %s --check-prefix=WIDE

#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A fill in front of a contraction becomes accumulators that start at zero. They
// stay in registers: 12 of 16, or 16 of 32.
// CHECK-LABEL: func @contraction
// WIDE-LABEL: func @contraction
func.func @contraction(%a: memref<12x32xf32>, %b: memref<32x64xf32>, %c: memref<12x64xf32>) {
  // CHECK-NOT: vector.store
  // CHECK: scf.for {{.*}} step %c16
  // CHECK: scf.for {{.*}} step %c6
  // CHECK-NOT: vector.load
  // CHECK: %[[ACC:.*]]:12 = scf.for %{{.*}} = %{{.*}} to %c32
  // CHECK-COUNT-2: vector.load {{.*}} vector<8xf32>
  // CHECK: memref.load
  // CHECK: vector.broadcast
  // CHECK-COUNT-12: vector.fma
  // CHECK: scf.yield
  // CHECK-COUNT-12: vector.store
  // WIDE-NOT: scf.for {{.*}} iter_args
  // WIDE: scf.for {{.*}} step %c6
  // WIDE: :24 = scf.for
  // WIDE-COUNT-24: vector.fma {{.*}} vector<16xf32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<12x64xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<12x32xf32>, memref<32x64xf32>) outs(%c : memref<12x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %s = arith.addf %z, %m : f32
    linalg.yield %s : f32
  }
  return
}

// A map computes what depends on the row alone once per row, and has a rest of
// smaller vectors.
// CHECK-LABEL: func @map
func.func @map(%x: memref<4x12xf32>, %p: memref<4xf32>, %y: memref<4x12xf32>) {
  // CHECK: vector.load {{.*}} vector<8xf32>
  // CHECK: memref.load
  // CHECK: math.exp %{{.*}} : f32
  // CHECK: vector.broadcast
  // CHECK: arith.mulf {{.*}} vector<8xf32>
  // CHECK: vector.store
  // CHECK: arith.mulf {{.*}} vector<4xf32>
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %p : memref<4x12xf32>, memref<4xf32>) outs(%y : memref<4x12xf32>) {
  ^bb0(%a: f32, %b: f32, %z: f32):
    %e = math.exp %b : f32
    %m = arith.mulf %a, %e : f32
    linalg.yield %m : f32
  }
  return
}

// A reduction of rows has partial results in lanes.
// CHECK-LABEL: func @row_sum
func.func @row_sum(%x: memref<4x20xf32>, %y: memref<4xf32>) {
  // CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<8xf32>)
  // CHECK: vector.reduction <add>
  // CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
  // CHECK: memref.store
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x20xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %z: f32):
    %s = arith.addf %z, %a : f32
    linalg.yield %s : f32
  }
  return
}
