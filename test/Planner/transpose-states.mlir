// RUN: linattn-opt %s --linattn-transpose-states="always=true" --canonicalize | FileCheck %s
// RUN: linattn-opt %s --linattn-transpose-states --canonicalize | FileCheck %s --check-prefix=ENOUGH
// RUN: linattn-opt %s --linattn-transpose-states="shared-limit=50000" --canonicalize | FileCheck %s --check-prefix=SHORT

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#km = affine_map<(m, n, k) -> (k, m)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>

// CHECK-DAG: #[[DK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[TK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[DT:.*]] = affine_map<(d0, d1, d2) -> (d1, d0)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[FLIP:.*]] = affine_map<(d0, d1) -> (d1, d0)>

// The state, the output and what a map makes of it change; tiles that are loaded
// stay, and the initial state and both results are transposed.
// CHECK-LABEL: func.func @step
// CHECK: %[[INIT:.*]] = linalg.generic {indexing_maps = [#[[FLIP]], #[[ID]]]
// CHECK: } -> tensor<128x64xf32>
// CHECK: scf.for {{.*}} iter_args(%[[S:.*]] = %[[INIT]], {{.*}}) -> (tensor<128x64xf32>, tensor<128x128xbf16>)
// CHECK: %[[Q:.*]] = tensor.extract_slice {{.*}} to tensor<64x64xbf16>
// CHECK: linalg.generic {indexing_maps = [#[[TK]], #[[DK]], #[[DT]]]{{.*}} ins(%[[Q]], %[[S]] : tensor<64x64xbf16>, tensor<128x64xf32>)
// CHECK: %[[ROUNDED:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<128x64xbf16>)
// CHECK: %[[OUT:.*]] = linalg.generic {indexing_maps = [#[[FLIP]], #[[ID]]]{{.*}} ins(%[[ROUNDED]] : {{.*}}) outs(%{{.*}} : tensor<64x128xbf16>)
// CHECK: tensor.insert_slice %[[OUT]]
// CHECK: scf.yield
// CHECK: %[[FINAL:.*]] = linalg.generic {indexing_maps = [#[[FLIP]], #[[ID]]]{{.*}} outs(%{{.*}} : tensor<64x128xf32>)
// CHECK: tensor.parallel_insert_slice %[[FINAL]]

// ENOUGH: iter_args({{.*}}) -> (tensor<64x128xf32>, tensor<128x128xbf16>)
// SHORT: iter_args({{.*}}) -> (tensor<128x64xf32>, tensor<128x128xbf16>)
func.func @step(%qs: tensor<2x128x64xbf16>, %vs: tensor<2x128x128xbf16>, %s0: tensor<2x64x128xf32>,
                %os: tensor<2x128x128xbf16>, %s1: tensor<2x64x128xf32>) -> (tensor<2x128x128xbf16>, tensor<2x64x128xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %r:2 = scf.forall (%b) in (2) shared_outs(%oi = %os, %si = %s1) -> (tensor<2x128x128xbf16>, tensor<2x64x128xf32>) {
    %o = tensor.extract_slice %oi[%b, 0, 0] [1, 128, 128] [1, 1, 1] : tensor<2x128x128xbf16> to tensor<128x128xbf16>
    %init = tensor.extract_slice %s0[%b, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<2x64x128xf32> to tensor<64x128xf32>
    %l:2 = scf.for %c = %c0 to %c2 step %c1 iter_args(%s = %init, %rows = %o) -> (tensor<64x128xf32>, tensor<128x128xbf16>) {
      %row = arith.muli %c, %c64 : index
      %q = tensor.extract_slice %qs[%b, %row, 0] [1, 64, 64] [1, 1, 1] : tensor<2x128x64xbf16> to tensor<64x64xbf16>
      %v = tensor.extract_slice %vs[%b, %row, 0] [1, 64, 128] [1, 1, 1] : tensor<2x128x128xbf16> to tensor<64x128xbf16>
      %e = tensor.empty() : tensor<64x128xf32>
      %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x128xf32>) -> tensor<64x128xf32>
      %x = linalg.contract indexing_maps = [#mk, #kn, #mn]
          ins(%q, %s : tensor<64x64xbf16>, tensor<64x128xf32>) outs(%z : tensor<64x128xf32>) -> tensor<64x128xf32>
      %eb = tensor.empty() : tensor<64x128xbf16>
      %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<64x128xf32>) outs(%eb : tensor<64x128xbf16>) {
      ^bb0(%a: f32, %out: bf16):
        %rounded = arith.truncf %a : f32 to bf16
        linalg.yield %rounded : bf16
      } -> tensor<64x128xbf16>
      %filled = tensor.insert_slice %y into %rows[%row, 0] [64, 128] [1, 1] : tensor<64x128xbf16> into tensor<128x128xbf16>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn]
          ins(%q, %v : tensor<64x64xbf16>, tensor<64x128xbf16>) outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      scf.yield %next, %filled : tensor<64x128xf32>, tensor<128x128xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#1 into %oi[%b, 0, 0] [1, 128, 128] [1, 1, 1] : tensor<128x128xbf16> into tensor<2x128x128xbf16>
      tensor.parallel_insert_slice %l#0 into %si[%b, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<2x64x128xf32>
    }
  }
  return %r#0, %r#1 : tensor<2x128x128xbf16>, tensor<2x64x128xf32>
}
